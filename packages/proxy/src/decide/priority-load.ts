/** How healthy one priority is. */
export interface PriorityHealth {
  readonly healthy: number;
  /** Hosts that are used only where the healthy ones do not suffice. */
  readonly degraded: number;
  readonly total: number;
}

/** The share of requests that a priority gets. */
export interface PriorityLoad {
  /** Per cent for healthy hosts; with the degraded shares of all priorities this adds up to 100, or to 0 where there is no host at all. */
  readonly percent: number;
  /** Per cent for degraded hosts. */
  readonly degradedPercent: number;
  /** Too few are healthy: all hosts take part, also those that are not. */
  readonly panic: boolean;
}

/**
 * Shares requests out among priorities as Envoy does: a priority counts as fully available while
 * `overprovisioningPercent` of its healthy hosts cover all of it; what one lacks goes to the next,
 * and degraded hosts are used after the healthy ones of every priority.
 * Source: Envoy, "Priority levels", "Degraded endpoints" and "Panic threshold" in the load balancing overview.
 */
export function priorityLoads(
  priorities: readonly PriorityHealth[],
  overprovisioningPercent: number,
  panicThresholdPercent: number,
): PriorityLoad[] {
  const available = (count: number, total: number): number =>
    total === 0 ? 0 : Math.min(100, (overprovisioningPercent * count) / total);
  const healthy = priorities.map((p) => available(p.healthy, p.total));
  const degraded = priorities.map((p) => available(p.degraded, p.total));
  const sum = Math.min(
    100,
    [...healthy, ...degraded].reduce((a, b) => a + b, 0),
  );
  const panics = priorities.map(
    (p) =>
      sum < 100 &&
      (p.total === 0 ? 0 : (100 * (p.healthy + p.degraded)) / p.total) < Math.min(100, panicThresholdPercent),
  );
  if (panics.every((panic) => panic)) {
    // Total panic: the load follows the number of hosts.
    const hosts = priorities.reduce((a, p) => a + p.total, 0);
    return priorities.map((p) => ({
      percent: hosts === 0 ? 0 : (100 * p.total) / hosts,
      degradedPercent: 0,
      panic: true,
    }));
  }
  // Panic is switched off and nobody is healthy: the first priority has to refuse.
  if (sum === 0)
    return priorities.map((_, i) => ({ percent: i === 0 ? 100 : 0, degradedPercent: 0, panic: false }));
  let left = 100;
  const take = (share: number): number => {
    const percent = Math.min(left, (share * 100) / sum);
    left -= percent;
    return percent;
  };
  const forHealthy = healthy.map(take);
  const forDegraded = degraded.map(take);
  return priorities.map((_, i) => ({
    percent: forHealthy[i] ?? 0,
    degradedPercent: forDegraded[i] ?? 0,
    panic: panics[i] === true,
  }));
}
