import { durationMs } from '@lateen/config';
import { Backoff, messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import { put, remove, type Change, type State } from '../engine/state.ts';
import { keySetUri } from '../model/key-set.ts';
import { keySets, requestAuthentications } from '../model/tables.ts';

/** How old keys may get (Istio, PILOT_JWT_PUB_KEY_REFRESH_INTERVAL). */
const refreshMs = 20 * 60_000;
/** How long an issuer may take to answer where no rule says so (Istio, `JWTRule.timeout`). */
const defaultTimeLimitMs = 5_000;
const maxBytes = 1 << 20;

export interface KeySetsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The mesh as it is now. */
  readonly state: () => State;
  /** Takes the keys that were fetched. */
  readonly apply: (changes: readonly Change[]) => void;
}

interface Followed {
  readonly abort: AbortController;
  /** For each answer. */
  timeLimitMs: number;
  timer: Timer | undefined;
  readonly backoff: Backoff;
}

/**
 * Fetches the keys of the issuers that RequestAuthentications name, and fetches them again every 20 minutes.
 *
 * The control plane does it for all proxies, as in Istio: they need not reach the issuer. What was fetched
 * last is kept where an issuer does not answer.
 */
export class KeySets {
  readonly #options: KeySetsOptions;
  readonly #logger: Logger;
  readonly #followed = new Map<string, Followed>();

  constructor(options: KeySetsOptions) {
    this.#options = options;
    this.#logger = options.logger.scope('key-sets');
  }

  /** Begins to follow what is newly asked for, and forgets what is no longer. Call it after each change. */
  refresh(): void {
    const wanted = this.#wanted();
    for (const [uri, timeLimitMs] of wanted) {
      const followed = this.#followed.get(uri);
      if (followed === undefined) this.#follow(uri, timeLimitMs);
      else followed.timeLimitMs = timeLimitMs;
    }
    for (const [uri, followed] of this.#followed) {
      if (wanted.has(uri)) continue;
      stop(followed);
      this.#followed.delete(uri);
      this.#options.apply([remove(keySets, uri)]);
    }
  }

  close(): void {
    for (const followed of this.#followed.values()) stop(followed);
    this.#followed.clear();
  }

  /** The places that rules name, each with the longest time that one of them gives it. */
  #wanted(): ReadonlyMap<string, number> {
    const state = this.#options.state();
    const rules = state
      .keys(requestAuthentications)
      .flatMap((key) => state.row(requestAuthentications, key)?.spec.jwtRules ?? []);
    const wanted = new Map<string, number>();
    for (const rule of rules) {
      const uri = keySetUri(rule);
      if (uri === undefined) continue;
      const timeLimitMs = durationMs(rule.timeout, defaultTimeLimitMs);
      wanted.set(uri, Math.max(timeLimitMs, wanted.get(uri) ?? 0));
    }
    return wanted;
  }

  #follow(uri: string, timeLimitMs: number): void {
    const followed: Followed = {
      abort: new AbortController(),
      timeLimitMs,
      timer: undefined,
      backoff: new Backoff({ baseMs: 1_000, maxMs: 60_000 }),
    };
    this.#followed.set(uri, followed);
    void this.#fetch(uri, followed);
  }

  async #fetch(uri: string, followed: Followed): Promise<void> {
    const { clock, apply } = this.#options;
    let nextMs = refreshMs;
    try {
      const jwks = await this.#keysAt(uri, followed);
      if (followed.abort.signal.aborted) return;
      followed.backoff.reset();
      apply([put(keySets, uri, { jwks })]);
    } catch (error) {
      if (followed.abort.signal.aborted) return;
      nextMs = followed.backoff.nextMs();
      this.#logger.warn(
        'the keys of an issuer could not be fetched; its tokens are judged by the last ones',
        {
          uri,
          error: messageOf(error),
        },
      );
    }
    followed.timer = clock.after(nextMs, () => void this.#fetch(uri, followed));
  }

  /** The key set at a place, or the one that the OpenID configuration there points to. */
  async #keysAt(uri: string, followed: Followed): Promise<string> {
    const text = await this.#textAt(uri, followed);
    if (isKeySet(text)) return text;
    const pointer = (JSON.parse(text) as { readonly jwks_uri?: unknown } | null)?.jwks_uri;
    if (typeof pointer !== 'string')
      throw new Error('the answer is neither keys nor an OpenID configuration');
    const keys = await this.#textAt(pointer, followed);
    if (!isKeySet(keys)) throw new Error(`the answer of ${pointer} is not a JSON Web Key Set`);
    return keys;
  }

  async #textAt(uri: string, { abort, timeLimitMs }: Followed): Promise<string> {
    const late = new AbortController();
    const timer = this.#options.clock.after(timeLimitMs, () =>
      late.abort(new Error(`no answer within ${timeLimitMs / 1_000} s`)),
    );
    try {
      const response = await fetch(uri, { signal: AbortSignal.any([abort.signal, late.signal]) });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const parts: Uint8Array[] = [];
      let bytes = 0;
      for await (const part of response.body ?? []) {
        bytes += part.length;
        if (bytes > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
        parts.push(part);
      }
      return Buffer.concat(parts).toString('utf8');
    } finally {
      timer.cancel();
    }
  }
}

function stop({ abort, timer }: Followed): void {
  abort.abort();
  timer?.cancel();
}

function isKeySet(text: string): boolean {
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys);
}
