import type { RefusedResource, ResourceUpdate } from './subscription.ts';

/** What Istio's agent waits for. */
type FirstKind = 'cluster' | 'listener';

class Outcomes {
  success = 0;
  rejected = 0;
  /** What was wrong with the first that was refused. */
  reason: string | undefined;
  /** Something serves since before. */
  isServed = false;

  get isMissing(): boolean {
    return this.rejected > 0 && this.success === 0 && !this.isServed;
  }
}

/**
 * Whether the first clusters and listeners were taken. Envoy starts to serve when they have come, and be it that
 * it has refused them; Istio's agent calls it ready only when an update of each kind has succeeded, and from then
 * on whatever comes (istio.io/istio, pilot/cmd/pilot-agent/status/ready).
 */
export class FirstUpdates {
  readonly #outcomes: Readonly<Record<FirstKind, Outcomes>> = {
    cluster: new Outcomes(),
    listener: new Outcomes(),
  };
  #wasReady = false;

  /** What readiness waits for, in words; empty where nothing was refused that has to be taken first. */
  get missing(): readonly string[] {
    const { cluster, listener } = this.#outcomes;
    if (!cluster.isMissing && !listener.isMissing) return [];
    const counts = `cds updates: ${countsOf(cluster)}; lds updates: ${countsOf(listener)}`;
    const reason = (cluster.isMissing ? cluster : listener).reason ?? '';
    return [`config received from XDS server, but was rejected: ${counts} (${reason})`];
  }

  /** An update comes; `isReady`: whether the proxy serves all that came before. */
  begin(isReady: boolean): void {
    this.#wasReady ||= isReady && this.missing.length === 0;
  }

  /** An update was taken, but for `refused`. What was kept since the last run is not counted, but serves. */
  taken({ type, origin, changed }: ResourceUpdate, refused: readonly RefusedResource[]): void {
    if (this.#wasReady || (type !== 'cluster' && type !== 'listener')) return;
    const outcomes = this.#outcomes[type];
    const [first] = refused;
    if (origin === 'kept') outcomes.isServed ||= refused.length < changed.length;
    else if (first === undefined) outcomes.success++;
    else {
      outcomes.rejected++;
      outcomes.reason ??= `${first.name}: ${first.reason}`;
    }
  }
}

function countsOf({ success, rejected }: Outcomes): string {
  return `${success} successful, ${rejected} rejected`;
}
