import type { Clock, Timer } from '@lateen/core';
import type { KubeClient, Pod } from '@lateen/kube';
import type { TokenRequestSource } from './volume-source.ts';

interface HeldToken {
  readonly token: string;
  readonly renewAtMs: number;
}

const defaultLifetimeSeconds = 3600;

/** A token is renewed when four fifths of its life are over, as the kubelet does. */
const renewShare = 0.8;

interface TokenRequest {
  readonly status?: { readonly token?: string; readonly expirationTimestamp?: string };
}

function keyOf(source: TokenRequestSource): string {
  return `${source.audience ?? ''} ${source.expirationSeconds ?? defaultLifetimeSeconds}`;
}

/** The service account tokens of one pod, bound to it, and renewed in time. */
export class PodTokens {
  readonly #client: KubeClient;
  readonly #pod: Pod;
  readonly #clock: Clock;
  readonly #held = new Map<string, HeldToken>();
  #timer: Timer | undefined;

  constructor(client: KubeClient, pod: Pod, clock: Clock) {
    this.#client = client;
    this.#pod = pod;
    this.#clock = clock;
  }

  /** The token for a source that was fetched. */
  get(source: TokenRequestSource): string {
    return this.#held.get(keyOf(source))?.token ?? '';
  }

  /** Fetches what is missing or due, and calls `onDue` when the next one is. */
  async fetch(sources: readonly TokenRequestSource[], onDue: () => void): Promise<void> {
    const now = this.#clock.now();
    await Promise.all(
      sources.map(async (source) => {
        const held = this.#held.get(keyOf(source));
        if (held === undefined || held.renewAtMs <= now)
          this.#held.set(keyOf(source), await this.#request(source));
      }),
    );
    this.#timer?.cancel();
    if (sources.length === 0) return;
    const nextMs = Math.min(...[...this.#held.values()].map((held) => held.renewAtMs));
    this.#timer = this.#clock.after(Math.max(1000, nextMs - this.#clock.now()), onDue);
  }

  close(): void {
    this.#timer?.cancel();
  }

  async #request(source: TokenRequestSource): Promise<HeldToken> {
    const { name, namespace, uid } = this.#pod.metadata;
    const account = this.#pod.spec.serviceAccountName ?? 'default';
    const lifetimeSeconds = source.expirationSeconds ?? defaultLifetimeSeconds;
    const answer = (await this.#client.raw(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          ...(source.audience === undefined ? {} : { audiences: [source.audience] }),
          expirationSeconds: lifetimeSeconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      },
    )) as TokenRequest;
    const now = this.#clock.now();
    const expiry = Date.parse(answer.status?.expirationTimestamp ?? '');
    const lifetimeMs = Number.isNaN(expiry) ? lifetimeSeconds * 1000 : expiry - now;
    return { token: answer.status?.token ?? '', renewAtMs: now + lifetimeMs * renewShare };
  }
}
