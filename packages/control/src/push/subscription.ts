/** How far a proxy has followed one kind of resources. */
export type SyncState =
  | { readonly kind: 'notSent' }
  | { readonly kind: 'synced'; readonly atMs: number }
  | { readonly kind: 'stale'; readonly sinceMs: number }
  | { readonly kind: 'rejected'; readonly reason: string; readonly atMs: number };

/** What a proxy wants of one kind of resources, what it was sent, and what it said to that. */
export class Subscription {
  /** True where it wants all there are. */
  wildcard = false;
  /** Names that it asked for. */
  readonly names = new Set<string>();
  /** Versions that it has, or was sent, by name. */
  readonly sent = new Map<string, string>();
  /** Names that may be different from what was sent. */
  readonly pending = new Set<string>();
  /** True where it waits for an answer even if that is empty. */
  owed = false;
  /** Nonce of the response that was neither accepted nor rejected yet. */
  outstanding: { readonly nonce: string; readonly sentMs: number; readonly version: string } | undefined;
  lastNonce = '';
  ackedNonce = '';
  ackedVersion = '';
  ackedMs = 0;
  rejection: { readonly reason: string; readonly atMs: number } | undefined;
  responses = 0;

  /** True where it wants the resource of this name. */
  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  get hasWork(): boolean {
    return this.owed || this.pending.size > 0;
  }

  get state(): SyncState {
    if (this.rejection !== undefined) {
      return { kind: 'rejected', reason: this.rejection.reason, atMs: this.rejection.atMs };
    }
    if (this.outstanding !== undefined) return { kind: 'stale', sinceMs: this.outstanding.sentMs };
    return this.lastNonce === '' ? { kind: 'notSent' } : { kind: 'synced', atMs: this.ackedMs };
  }

  /**
   * Takes the proxy's answer to a response; says whether it was to the last one.
   *
   * Answers to older responses are ignored, as xDS asks for.
   */
  answer(nonce: string, error: string | undefined, nowMs: number): 'accepted' | 'rejected' | 'ignored' {
    const { outstanding } = this;
    if (outstanding === undefined || outstanding.nonce !== nonce) return 'ignored';
    this.outstanding = undefined;
    if (error !== undefined) {
      this.rejection = { reason: error, atMs: nowMs };
      return 'rejected';
    }
    this.rejection = undefined;
    this.ackedNonce = nonce;
    this.ackedVersion = outstanding.version;
    this.ackedMs = nowMs;
    return 'accepted';
  }
}
