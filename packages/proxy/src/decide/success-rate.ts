/** How one host answered in an interval. */
export interface HostRate {
  /** Per cent of its requests that succeeded. */
  readonly successRate: number;
}

/**
 * Below this rate a host is an outlier among the others: the mean less so many standard deviations.
 * Source: Envoy, "Success rate" in the outlier detection overview; the factor is in thousandths.
 */
export function successRateThreshold(rates: readonly HostRate[], stdevFactor: number): number {
  const mean = rates.reduce((sum, { successRate }) => sum + successRate, 0) / rates.length;
  const variance = rates.reduce((sum, { successRate }) => sum + (successRate - mean) ** 2, 0) / rates.length;
  return mean - (stdevFactor / 1000) * Math.sqrt(variance);
}
