import { createHash } from 'node:crypto';
import { messageOf, type Clock, type Logger } from '@lateen/core';
import { isObject } from '@lateen/config';
import type { KubeClient } from '@lateen/kube';

/** A workload, as its token proves it. */
export interface WorkloadCaller {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Why a caller is refused: it is nobody, or it cannot be told now. */
export type Authentication =
  | { readonly type: 'authenticated'; readonly caller: WorkloadCaller }
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'unavailable'; readonly reason: string };

/** Tells who sent a token. */
export type TokenAuthenticator = (token: string) => Promise<Authentication>;

export interface TokenAuthenticatorOptions {
  readonly client: KubeClient;
  /** Audiences of which the token must have one; Istio's is `istio-ca`. */
  readonly audiences: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a token that was accepted is not asked about again; default 60,000. */
  readonly rememberMs?: number;
}

const maxRemembered = 10_000;

/** Asks the API server (TokenReview) who a service-account token belongs to; remembers the good ones for a minute. */
export function tokenAuthenticator(options: TokenAuthenticatorOptions): TokenAuthenticator {
  const { client, audiences, clock, logger, rememberMs = 60_000 } = options;
  const remembered = new Map<string, { readonly caller: WorkloadCaller; readonly untilMs: number }>();
  const underway = new Map<string, Promise<Authentication>>();

  const review = async (token: string, key: string): Promise<Authentication> => {
    let answer: unknown;
    try {
      answer = await client.raw('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        metadata: {},
        spec: { token, audiences },
      });
    } catch (error) {
      logger.warn('a token could not be reviewed', { error: messageOf(error) });
      return { type: 'unavailable', reason: 'the API server does not answer' };
    }
    const result = readReview(answer, audiences);
    if (result.type === 'authenticated') {
      if (remembered.size >= maxRemembered) remembered.clear();
      remembered.set(key, { caller: result.caller, untilMs: clock.now() + rememberMs });
    }
    return result;
  };

  return (token) => {
    const key = createHash('sha256').update(token).digest('base64');
    const known = remembered.get(key);
    if (known !== undefined && known.untilMs > clock.now()) {
      return Promise.resolve({ type: 'authenticated', caller: known.caller });
    }
    remembered.delete(key);
    const asked = underway.get(key);
    if (asked !== undefined) return asked;
    const answer = review(token, key).finally(() => underway.delete(key));
    underway.set(key, answer);
    return answer;
  };
}

function readReview(answer: unknown, audiences: readonly string[]): Authentication {
  const status = isObject(answer) && isObject(answer['status']) ? answer['status'] : {};
  if (status['authenticated'] !== true) {
    const error = typeof status['error'] === 'string' ? status['error'] : 'the token is not valid';
    return { type: 'refused', reason: error };
  }
  // A server that knows no audiences answers without any: then the token was not checked for ours.
  const accepted = Array.isArray(status['audiences']) ? status['audiences'] : [];
  if (!accepted.some((audience) => audiences.includes(String(audience)))) {
    return { type: 'refused', reason: `the token is not meant for ${audiences.join(' or ')}` };
  }
  const user = isObject(status['user']) ? status['user'] : {};
  const match = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(String(user['username']));
  if (match?.[1] === undefined || match[2] === undefined) {
    return { type: 'refused', reason: 'the token is not that of a service account' };
  }
  return { type: 'authenticated', caller: { namespace: match[1], serviceAccount: match[2] } };
}

/** The token in an `authorization` header; undefined where there is none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  const match = /^Bearer ([^\s]+)$/i.exec(authorization ?? '');
  return match?.[1];
}
