import type { Clock, Logger, Timer } from '@lateen/core';

/** What is subscribed to whole. */
export type WholeKind = 'clusters' | 'listeners';

export interface FirstResourcesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** True for kinds that are subscribed to. */
  readonly expected: Readonly<Record<WholeKind, boolean>>;
  /** How long the first of a kind are waited for from when they are asked for; 0: for ever. */
  readonly timeoutMs: Readonly<Record<WholeKind, number>>;
  /** Called once for each kind that is expected, when it is to be asked for. */
  readonly onTurn: (kind: WholeKind) => void;
  /** Called when the first of a kind have not come in time. */
  readonly onTimeout: (kind: WholeKind) => void;
}

/**
 * The order of a start: clusters are asked for first, and listeners when what came of those is warm
 * (https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/operations/init).
 */
export class FirstResources {
  readonly #options: FirstResourcesOptions;
  readonly #came: Record<WholeKind, boolean>;
  readonly #asked = new Set<WholeKind>();
  readonly #timers: Timer[] = [];
  #begun = false;
  /** True when a source has answered for clusters, or has had its time. */
  #clustersAnswered: boolean;

  constructor(options: FirstResourcesOptions) {
    const { clusters, listeners } = options.expected;
    this.#options = options;
    this.#came = { clusters: !clusters, listeners: !listeners };
    this.#clustersAnswered = !clusters;
  }

  /** True when the first of a kind are there, or are waited for no longer. */
  came(kind: WholeKind): boolean {
    return this.#came[kind];
  }

  /** True from when the clusters that came first were warm. */
  get clustersDone(): boolean {
    return this.#begun && this.#clustersAnswered;
  }

  begin(): void {
    this.#begun = true;
    this.#ask('clusters');
  }

  /** Resources of a kind have come; what was kept since the last run says nothing of what there is now. */
  take(kind: WholeKind, isKept: boolean): void {
    this.#came[kind] = true;
    if (kind === 'clusters' && !isKept) this.#clustersAnswered = true;
  }

  /** No cluster is warming. */
  clustersAreWarm(): void {
    if (this.clustersDone) this.#ask('listeners');
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  #ask(kind: WholeKind): void {
    const { clock, log, expected, timeoutMs, onTurn, onTimeout } = this.#options;
    if (!expected[kind] || this.#asked.has(kind)) return;
    this.#asked.add(kind);
    const ms = timeoutMs[kind];
    if (ms > 0) {
      const timer = clock.after(ms, () => {
        if (this.#came[kind] && (kind === 'listeners' || this.#clustersAnswered)) return;
        log.warn(`no ${kind} have come in time: they are waited for no longer`, { afterMs: ms });
        this.take(kind, false);
        onTimeout(kind);
      });
      this.#timers.push(timer);
    }
    onTurn(kind);
  }
}
