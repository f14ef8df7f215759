/** How healthy one priority is. */
export interface PriorityHealth {
  readonly healthy: number;
  readonly total: number;
}

/** The share of requests that a priority gets. */
export interface PriorityLoad {
  /** Per cent; the loads of all priorities add up to 100, or to 0 where there is no host at all. */
  readonly percent: number;
  /** Too few are healthy: all hosts take part, also those that are not. */
  readonly panic: boolean;
}

/**
 * Shares requests out among priorities as Envoy does: a priority counts as fully available while
 * `overprovisioningPercent` of its healthy hosts cover all of it; what one lacks goes to the next.
 * Source: Envoy, "Priority levels" and "Panic threshold" in the load balancing overview.
 */
export function priorityLoads(
  priorities: readonly PriorityHealth[],
  overprovisioningPercent: number,
  panicThresholdPercent: number,
): PriorityLoad[] {
  const available = priorities.map((p) =>
    p.total === 0 ? 0 : Math.min(100, (overprovisioningPercent * p.healthy) / p.total),
  );
  const sum = Math.min(
    100,
    available.reduce((a, b) => a + b, 0),
  );
  const panics = priorities.map(
    (p) =>
      sum < 100 &&
      p.total > 0 &&
      panicThresholdPercent > 0 &&
      (100 * p.healthy) / p.total < panicThresholdPercent,
  );
  if (sum === 0) {
    // Nobody is healthy: the load follows the number of hosts.
    const hosts = priorities.reduce((a, p) => a + p.total, 0);
    return priorities.map((p, i) => ({
      percent: hosts === 0 ? 0 : (100 * p.total) / hosts,
      panic: panics[i] === true,
    }));
  }
  let left = 100;
  const loads = available.map((share, i) => {
    const percent = Math.min(left, (share * 100) / sum);
    left -= percent;
    return { percent, panic: panics[i] === true };
  });
  return loads;
}
