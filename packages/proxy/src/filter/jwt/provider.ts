import { createHash } from 'node:crypto';
import { headerName, type HeaderName } from '../../codec/header-name.ts';
import { headerValueOf } from '../../codec/header-value.ts';
import type { RequestHead } from '../../codec/head.ts';
import { compileStringMatch, type TextTest } from '../../decide/string-match.ts';
import type { JwtProvider } from '../../model/jwt-authn.ts';
import { addMetadata } from '../dynamic-metadata.ts';
import type { FilterExchange } from '../http-filter.ts';
import { checkTimes, claimAt, claimText, isForAudience, plainAudience, splitClaims } from './claims.ts';
import { jwtFailure, type JwtFailure } from './jwt-failure.ts';
import type { KeySet } from './key-set.ts';
import { compilePlaces, type FoundToken } from './token-places.ts';
import { Steps } from './steps.ts';
import { parseToken, type Token } from './token.ts';

export const metadataNamespace = 'envoy.filters.http.jwt_authn';

/** Longer tokens are verified each time. */
const maxCachedTokenLength = 4_096;

/** Has the keys of an issuer, at once or later; answers with how to stop waiting. */
export interface KeySource {
  get(run: (keys: KeySet | undefined) => void): () => void;
}

/** Called once: undefined where the tokens are good. */
export type Verified = (failure: JwtFailure | undefined) => void;

/** Told of the use of the cache. */
export interface CacheCounts {
  onHit(): void;
  onMiss(): void;
}

/** Verifies the tokens of one issuer in requests, and tells of them. */
export class Provider {
  readonly config: JwtProvider;
  readonly #keys: KeySource;
  readonly #now: () => number;
  readonly #counts: CacheCounts;
  readonly #find: (head: RequestHead) => FoundToken[];
  readonly #audiences: ReadonlySet<string>;
  readonly #subject: TextTest | undefined;
  readonly #payloadHeader: HeaderName | undefined;
  readonly #claimHeaders: readonly { readonly name: HeaderName; readonly claim: string }[];
  /** Hashes of tokens whose signature is good, the oldest first, by the keys that said so. */
  #good = new Set<string>();
  #goodKeys: KeySet | undefined;

  /** Throws where a regular expression is none. */
  constructor(config: JwtProvider, keys: KeySource, now: () => number, counts: CacheCounts) {
    this.config = config;
    this.#keys = keys;
    this.#now = now;
    this.#counts = counts;
    this.#find = compilePlaces(config);
    this.#audiences = new Set(config.audiences.map(plainAudience));
    this.#subject = config.subjects === undefined ? undefined : compileStringMatch(config.subjects);
    this.#payloadHeader = config.payloadHeader === '' ? undefined : headerName(config.payloadHeader);
    this.#claimHeaders = config.claimToHeaders.map(({ header, claim }) => ({
      name: headerName(header),
      claim,
    }));
  }

  /** Takes away what only this filter may say. */
  sanitize({ headers }: RequestHead): void {
    if (this.#payloadHeader !== undefined) headers.remove(this.#payloadHeader);
    for (const { name } of this.#claimHeaders) headers.remove(name);
  }

  /** Verifies all tokens of a request that are where this provider looks; the first that is bad decides. */
  verify(exchange: FilterExchange, audiences: ReadonlySet<string> | undefined, done: Verified): () => void {
    const found = this.#find(exchange.head);
    const steps = new Steps();
    const next = (at: number): void => {
      const one = found[at];
      if (one === undefined) {
        done(found.length === 0 ? jwtFailure.missing : undefined);
        return;
      }
      const token = this.#check(one.text, audiences ?? this.#audiences);
      if (typeof token === 'string') {
        done(token);
        return;
      }
      steps.take(() =>
        this.#keys.get((keys) => {
          const failure =
            keys === undefined ? jwtFailure.fetch : this.#verifySignature(keys, one.text, token);
          if (failure !== undefined) {
            done(failure);
            return;
          }
          this.#tell(exchange, token, one);
          next(at + 1);
        }),
      );
    };
    next(0);
    return steps.stop;
  }

  /** All that can be said without keys. */
  #check(text: string, audiences: ReadonlySet<string>): Token | JwtFailure {
    const token = parseToken(text);
    if (typeof token === 'string') return token;
    const { payload } = token;
    const { issuer } = this.config;
    if (issuer !== '' && payload['iss'] !== issuer) return jwtFailure.issuer;
    const { sub } = payload;
    if (this.#subject !== undefined && !(typeof sub === 'string' && this.#subject(sub))) {
      return jwtFailure.subject;
    }
    const wrongTime = checkTimes(payload, this.config, this.#now());
    if (wrongTime !== undefined) return wrongTime;
    return isForAudience(payload, audiences) ? token : jwtFailure.audience;
  }

  #verifySignature(keys: KeySet, text: string, token: Token): JwtFailure | undefined {
    if (keys !== this.#goodKeys) {
      this.#good = new Set();
      this.#goodKeys = keys;
    }
    if (text.length > maxCachedTokenLength) return keys.verify(token);
    const known = createHash('sha256').update(text).digest('latin1');
    if (this.#good.has(known)) {
      this.#counts.onHit();
      return undefined;
    }
    this.#counts.onMiss();
    const failure = keys.verify(token);
    if (failure !== undefined) return failure;
    this.#good.add(known);
    const [oldest] = this.#good;
    if (this.#good.size > this.config.cacheSize && oldest !== undefined) this.#good.delete(oldest);
    return undefined;
  }

  /** Tells the endpoint, and filters after this one, of a good token. */
  #tell(exchange: FilterExchange, token: Token, found: FoundToken): void {
    const { forward, padPayload, payloadMetadata, headerMetadata, spaceDelimitedClaims, clearRouteCache } =
      this.config;
    const { head } = exchange;
    const { payload, payloadText } = token;
    if (this.#payloadHeader !== undefined) {
      const padding = padPayload ? '='.repeat((4 - (payloadText.length % 4)) % 4) : '';
      head.headers.add(this.#payloadHeader, payloadText + padding);
    }
    for (const { name, claim } of this.#claimHeaders) {
      const text = claimText(claimAt(payload, claim));
      if (text !== undefined) head.headers.add(name, headerValueOf(text));
    }
    if (!forward) found.remove(head);
    if (payloadMetadata !== '') {
      addMetadata(exchange, metadataNamespace, {
        [payloadMetadata]: splitClaims(payload, spaceDelimitedClaims),
      });
    }
    if (headerMetadata !== '') addMetadata(exchange, metadataNamespace, { [headerMetadata]: token.header });
    if (clearRouteCache && (payloadMetadata !== '' || this.#claimHeaders.length > 0)) exchange.reroute();
  }
}
