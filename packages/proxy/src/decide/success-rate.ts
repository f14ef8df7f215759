/** How one host answered in an interval. */
export interface HostRate {
  /** Per cent of its requests that succeeded. */
  readonly successRate: number;
}

/** What the rates of the hosts of an interval say together, in per cent; -1: too few hosts had enough requests. */
export interface SuccessRates {
  readonly average: number;
  /** A host with less is an outlier among the others. */
  readonly ejectionThreshold: number;
}

export const noSuccessRates: SuccessRates = { average: -1, ejectionThreshold: -1 };

/**
 * The mean, and the mean less so many standard deviations.
 * Source: Envoy, "Success rate" in the outlier detection overview; the factor is in thousandths.
 */
export function successRatesOf(rates: readonly HostRate[], stdevFactor: number): SuccessRates {
  const average = rates.reduce((sum, { successRate }) => sum + successRate, 0) / rates.length;
  const variance =
    rates.reduce((sum, { successRate }) => sum + (successRate - average) ** 2, 0) / rates.length;
  return { average, ejectionThreshold: average - (stdevFactor / 1000) * Math.sqrt(variance) };
}
