import type { CircuitBreakerThresholds } from '../model/cluster.ts';

/** What a cluster has in use, against its limits; one for each routing priority. */
export class Breakers {
  thresholds: CircuitBreakerThresholds;
  connections = 0;
  pending = 0;
  requests = 0;
  retries = 0;

  constructor(thresholds: CircuitBreakerThresholds) {
    this.thresholds = thresholds;
  }

  mayConnect(): boolean {
    return this.connections < this.thresholds.maxConnections;
  }

  mayWait(): boolean {
    return this.pending < this.thresholds.maxPendingRequests;
  }

  mayRequest(): boolean {
    return this.requests < this.thresholds.maxRequests;
  }

  /** A budget counts against the requests under way, those that wait included; a plain limit by itself. */
  mayRetry(): boolean {
    const budget = this.thresholds.retryBudget;
    if (budget === undefined) return this.retries < this.thresholds.maxRetries;
    const allowed = Math.max(
      budget.minRetryConcurrency,
      Math.floor((this.requests * budget.budgetPercent) / 100),
    );
    return this.retries < allowed;
  }
}
