/** Requests of one interval, and how many succeeded. */
export class SuccessCount {
  total = 0;
  success = 0;

  /** Per cent of success, and forgets; undefined where there were fewer requests than that. */
  take(minimumVolume: number): { readonly rate: number; readonly volume: number } | undefined {
    const { total: volume, success } = this;
    this.total = 0;
    this.success = 0;
    return volume === 0 || volume < minimumVolume ? undefined : { rate: (100 * success) / volume, volume };
  }
}

/** What outlier detection knows of one host; lives as long as the host. */
export class HostMonitor {
  consecutive5xx = 0;
  consecutiveGatewayFailure = 0;
  consecutiveLocalFailure = 0;
  readonly external = new SuccessCount();
  readonly local = new SuccessCount();
  /** Of the last interval; -1: too few requests. */
  externalSuccessRate = -1;
  localSuccessRate = -1;
  ejectedAtMs = 0;
  jitterMs = 0;
  /** By what the base ejection time is multiplied: grows with each ejection, shrinks with each good interval. */
  ejectionFactor = 0;

  resetConsecutive(): void {
    this.consecutive5xx = 0;
    this.consecutiveGatewayFailure = 0;
    this.consecutiveLocalFailure = 0;
  }
}
