import { Backoff, messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import { IstioCertificateService } from '@lateen/protocol/istio/v1/auth';
import type { GrpcCaller } from '../../call/index.ts';
import type { Secret } from '../../model/index.ts';
import { certificateEndMs } from '../../tls/openssl/certificate.ts';
import { loadFunctions } from '../../tls/openssl/functions.ts';
import type { IssuedCertificate, KeptCertificate } from './kept-certificate.ts';
import { createSigningRequest } from './signing-request.ts';

/** Names under which Istio's control plane refers to a workload's own certificate and its root. */
export const certificateSecret = 'default';
export const rootSecret = 'ROOTCA';

export interface WorkloadCertificateOptions {
  /** To the certificate authority; its calls carry the workload's token. */
  readonly caller: Pick<GrpcCaller, 'unary'>;
  readonly spiffeId: string;
  /** The life that is asked for. */
  readonly ttlMs: number;
  /** Where the certificate is left for the next process; default: nowhere. */
  readonly kept?: KeptCertificate | undefined;
  /** Roots that are trusted besides the one that the authority returns, PEM; read at each issue. */
  readonly extraRoots: () => string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes the secrets, the first and every rotated ones. */
  readonly publish: (secrets: readonly Secret[]) => void;
  readonly backoff?: Backoff;
  /** Source of randomness in [0, 1); default `Math.random`. */
  readonly random?: () => number;
}

/** Where a workload's certificate stands. */
export type CertificateState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'requesting' }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryMs: number }
  | { readonly kind: 'valid'; readonly expiresAtMs: number; readonly rotateAtMs: number }
  | { readonly kind: 'closed' };

/**
 * Keeps a workload's certificate: asks for it once somebody needs it, and for the next one before half of its
 * life is over, so that an authority that is away for hours is not noticed.
 */
export class WorkloadCertificate {
  readonly #options: WorkloadCertificateOptions;
  readonly #backoff: Backoff;
  #state: CertificateState = { kind: 'idle' };
  #timer: Timer | undefined;

  constructor(options: WorkloadCertificateOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? new Backoff({ baseMs: 100, maxMs: 10_000 });
  }

  get state(): CertificateState {
    return this.#state;
  }

  /** Begins, with what the process before has left while the authority is asked; does nothing the second time. */
  start(): void {
    if (this.#state.kind !== 'idle') return;
    this.#restore();
    void this.#request();
  }

  #restore(): void {
    const { kept, spiffeId, log } = this.#options;
    const issued = kept?.read();
    if (issued === undefined) return;
    try {
      if (issued.spiffeId !== spiffeId) throw new Error(`it is of ${issued.spiffeId}`);
      const expiresAtMs = this.#publish(issued);
      log.info('the certificate of the last run is used until another one is issued', {
        expires: new Date(expiresAtMs).toISOString(),
      });
    } catch (error) {
      log.warn('the certificate of the last run is not used', { reason: messageOf(error) });
      kept?.remove();
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#state = { kind: 'closed' };
  }

  async #request(): Promise<void> {
    const { caller, spiffeId, ttlMs, clock, log } = this.#options;
    this.#state = { kind: 'requesting' };
    try {
      const { csr, privateKey } = createSigningRequest(spiffeId);
      const response = await caller.unary(
        IstioCertificateService.createCertificate,
        { csr, validityDuration: Math.round(ttlMs / 1_000) },
        { timeoutMs: 10_000 },
      );
      if (this.#state.kind !== 'requesting') return;
      this.#accept({ spiffeId, privateKey, chain: response.certChain ?? [] });
    } catch (error) {
      if (this.#state.kind !== 'requesting') return;
      const retryMs = Math.round(this.#backoff.nextMs());
      const reason = messageOf(error);
      log.warn('the certificate was not issued', { reason, retryMs });
      this.#state = { kind: 'failed', reason, retryMs };
      this.#timer = clock.after(retryMs, () => void this.#request());
    }
  }

  #accept(issued: IssuedCertificate): void {
    const { clock, log, kept, random = Math.random } = this.#options;
    const expiresAtMs = this.#publish(issued);
    // Between 40% and 50% of its life, so that a mesh that was started at once does not rotate at once.
    const delayMs = (expiresAtMs - clock.now()) * (0.4 + 0.1 * random());
    this.#backoff.reset();
    this.#state = { kind: 'valid', expiresAtMs, rotateAtMs: clock.now() + delayMs };
    // Node's timers hold no more than 2^31 ms.
    this.#timer = clock.after(Math.min(delayMs, 0x7fff_ffff), () => void this.#request());
    log.info('certificate issued', {
      identity: issued.spiffeId,
      expires: new Date(expiresAtMs).toISOString(),
    });
    try {
      kept?.write(issued);
    } catch (error) {
      log.warn('the certificate is not kept for the next start', { reason: messageOf(error) });
    }
  }

  /** Puts a certificate in place; answers when it ends, throws where it is of no use. */
  #publish({ privateKey, chain }: IssuedCertificate): number {
    const { clock, publish, extraRoots } = this.#options;
    const blocks = chain.flatMap(
      (text) => text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [],
    );
    const [leaf] = blocks;
    const root = blocks.at(-1);
    if (leaf === undefined || root === undefined) throw new Error('there is no certificate in it');
    const expiresAtMs = certificateEndMs(loadFunctions().functions, Buffer.from(leaf));
    if (expiresAtMs === undefined) throw new Error('the certificate cannot be read');
    if (expiresAtMs <= clock.now()) throw new Error('the certificate has expired');
    publish([
      {
        kind: 'certificate',
        name: certificateSecret,
        certificate: {
          chain: inline(blocks.length > 1 ? blocks.slice(0, -1) : blocks),
          privateKey: { kind: 'inline', bytes: Buffer.from(privateKey) },
        },
      },
      {
        kind: 'validation',
        name: rootSecret,
        validation: {
          trustedCa: inline(distinct([root, extraRoots()])),
          sanMatches: [],
          certificateHashes: [],
          spkiHashes: [],
          allowExpired: false,
          acceptUntrusted: false,
        },
      },
    ]);
    return expiresAtMs;
  }
}

function inline(blocks: readonly string[]): { readonly kind: 'inline'; readonly bytes: Uint8Array } {
  return { kind: 'inline', bytes: Buffer.from(blocks.map((block) => `${block.trim()}\n`).join('')) };
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts.map((text) => text.trim()))].filter((text) => text !== '');
}
