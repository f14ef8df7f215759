import { createHash, createPublicKey, randomUUID, type KeyObject } from 'node:crypto';
import type { Clock } from '@lateen/core';
import type { KubeObject } from '@lateen/kube';
import type { JWTPayload } from 'jose';
import type { UserInfo } from '../registry/request-context.ts';

/** What a token is bound to. */
export interface TokenSubject {
  readonly namespace: string;
  readonly serviceAccount: { readonly name: string; readonly uid: string };
  readonly pod?: { readonly name: string; readonly uid: string };
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresMs: number;
}

export type TokenVerdict =
  | { readonly ok: true; readonly user: UserInfo; readonly audiences: readonly string[] }
  | { readonly ok: false; readonly why: string };

export interface ServiceAccountTokensOptions {
  readonly key: KeyObject;
  readonly issuer: string;
  readonly clock: Clock;
  /** Reads an object that a token names; undefined where it is gone. */
  readonly find: (
    kind: 'serviceaccounts' | 'pods',
    namespace: string,
    name: string,
  ) => Promise<KubeObject | undefined>;
}

interface KubernetesClaims {
  readonly namespace: string;
  readonly serviceaccount: { readonly name: string; readonly uid: string };
  readonly pod?: { readonly name: string; readonly uid: string };
}

const maxVerified = 2000;

/** Loaded when the first token is seen: it costs more than all else that starts here. */
const jose = () => import('jose');

/** Signs and verifies the tokens of service accounts (ES256). */
export class ServiceAccountTokens {
  readonly #options: ServiceAccountTokensOptions;
  readonly #publicKey: KeyObject;
  readonly #keyId: string;
  /** Tokens whose signature was found good, until they expire. */
  readonly #verified = new Map<string, JWTPayload>();

  constructor(options: ServiceAccountTokensOptions) {
    this.#options = options;
    this.#publicKey = createPublicKey(options.key);
    const der = this.#publicKey.export({ type: 'spki', format: 'der' });
    this.#keyId = createHash('sha256').update(der).digest('base64url');
  }

  /** Tokens for the API server itself have this audience. */
  get apiAudience(): string {
    return this.#options.issuer;
  }

  async issue(
    subject: TokenSubject,
    audiences: readonly string[],
    lifeSeconds: number,
  ): Promise<IssuedToken> {
    const nowSeconds = Math.floor(this.#options.clock.now() / 1000);
    const { namespace, serviceAccount, pod } = subject;
    const claims: KubernetesClaims = {
      namespace,
      serviceaccount: serviceAccount,
      ...(pod === undefined ? {} : { pod }),
    };
    const { SignJWT } = await jose();
    const token = await new SignJWT({ 'kubernetes.io': claims })
      .setProtectedHeader({ alg: 'ES256', kid: this.#keyId })
      .setIssuer(this.#options.issuer)
      .setSubject(`system:serviceaccount:${namespace}:${serviceAccount.name}`)
      .setAudience([...audiences])
      .setIssuedAt(nowSeconds)
      .setNotBefore(nowSeconds)
      .setExpirationTime(nowSeconds + lifeSeconds)
      .setJti(randomUUID())
      .sign(this.#options.key);
    return { token, expiresMs: (nowSeconds + lifeSeconds) * 1000 };
  }

  /** Good where the signature, the time, one of the audiences, the account and the pod are. */
  async verify(token: string, audiences: readonly string[]): Promise<TokenVerdict> {
    const payload = await this.#payload(token);
    if (typeof payload === 'string') return { ok: false, why: payload };
    const held = payload.aud === undefined ? [] : [payload.aud].flat();
    const common = audiences.filter((audience) => held.includes(audience));
    if (common.length === 0) {
      return {
        ok: false,
        why: `token audiences ${JSON.stringify(held)} is invalid for the target audiences ${JSON.stringify(audiences)}`,
      };
    }
    const claims = payload['kubernetes.io'] as KubernetesClaims | undefined;
    if (claims === undefined) return { ok: false, why: 'the token is not of a service account' };
    const { namespace, serviceaccount, pod } = claims;
    const account = await this.#options.find('serviceaccounts', namespace, serviceaccount.name);
    if (account?.metadata.uid !== serviceaccount.uid) {
      return { ok: false, why: 'the service account of the token is gone' };
    }
    if (pod !== undefined) {
      const found = await this.#options.find('pods', namespace, pod.name);
      if (found?.metadata.uid !== pod.uid) return { ok: false, why: 'the pod of the token is gone' };
    }
    return { ok: true, audiences: common, user: userOf(claims, payload.jti) };
  }

  /** The public key, for those who verify tokens themselves. */
  async keySet(): Promise<unknown> {
    const { exportJWK } = await jose();
    const key = await exportJWK(this.#publicKey);
    return { keys: [{ use: 'sig', kid: this.#keyId, alg: 'ES256', ...key }] };
  }

  async #payload(token: string): Promise<JWTPayload | string> {
    const nowMs = this.#options.clock.now();
    const known = this.#verified.get(token);
    if (known !== undefined) {
      if ((known.exp ?? 0) * 1000 > nowMs) return known;
      this.#verified.delete(token);
    }
    const { errors, jwtVerify } = await jose();
    try {
      const { payload } = await jwtVerify(token, this.#publicKey, {
        issuer: this.#options.issuer,
        algorithms: ['ES256'],
        currentDate: new Date(nowMs),
        requiredClaims: ['exp', 'sub'],
      });
      if (this.#verified.size >= maxVerified) this.#verified.clear();
      this.#verified.set(token, payload);
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return error.message;
      throw error;
    }
  }
}

function userOf(claims: KubernetesClaims, jti: string | undefined): UserInfo {
  const { namespace, serviceaccount, pod } = claims;
  return {
    name: `system:serviceaccount:${namespace}:${serviceaccount.name}`,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra: {
      ...(jti === undefined ? {} : { 'authentication.kubernetes.io/credential-id': [`JTI=${jti}`] }),
      ...(pod === undefined
        ? {}
        : {
            'authentication.kubernetes.io/pod-name': [pod.name],
            'authentication.kubernetes.io/pod-uid': [pod.uid],
          }),
    },
  };
}
