import type { Logger } from '@lateen/core';
import { GrpcError, type GrpcServer } from '@lateen/protocol/grpc';
import { IstioCertificateService } from '@lateen/protocol/istio/v1/auth';
import type { CertificateAuthority } from './authority.ts';
import { parseSigningRequest } from './signing-request.ts';
import { bearerToken, type TokenAuthenticator } from './token-authenticator.ts';

const hourMs = 3_600_000;

export interface CertificateServiceOptions {
  readonly authority: () => CertificateAuthority;
  readonly authenticate: TokenAuthenticator;
  readonly trustDomain: string;
  readonly logger: Logger;
  /** Life of a certificate where the request does not say; default 24 hours. */
  readonly defaultTtlMs?: number;
  /** Longest life; longer requests get this; default 90 days. */
  readonly maxTtlMs?: number;
}

/**
 * Serves `istio.v1.auth.IstioCertificateService`: a workload that proves itself by its service-account
 * token gets a certificate for exactly its own identity, whatever its request says.
 */
export function registerCertificateService(server: GrpcServer, options: CertificateServiceOptions): void {
  const { authority, authenticate, trustDomain, logger } = options;
  const defaultTtlMs = options.defaultTtlMs ?? 24 * hourMs;
  const maxTtlMs = options.maxTtlMs ?? 90 * 24 * hourMs;
  server.unary(IstioCertificateService.createCertificate, async (request, call) => {
    // The key is public, but the token that comes with it is not.
    if (!call.peer.encrypted) throw new GrpcError('UNAUTHENTICATED', 'certificates are only signed over TLS');
    const token = bearerToken(call.metadata['authorization']);
    if (token === undefined) throw new GrpcError('UNAUTHENTICATED', 'a bearer token is required');
    const known = await authenticate(token);
    if (known.type === 'unavailable') throw new GrpcError('UNAVAILABLE', known.reason);
    if (known.type === 'refused') {
      logger.warn('a certificate was refused', { peer: call.peer.address, reason: known.reason });
      throw new GrpcError('UNAUTHENTICATED', known.reason);
    }
    const parsed = parseSigningRequest(request.csr ?? '');
    if (!parsed.ok) {
      throw new GrpcError(
        'INVALID_ARGUMENT',
        parsed.problems.map((p) => `${p.path} ${p.message}`).join('; '),
      );
    }
    const { namespace, serviceAccount } = known.caller;
    const spiffeId = `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
    const askedMs = (request.validityDuration ?? 0) * 1000;
    const ttlMs = Math.min(askedMs > 0 ? askedMs : defaultTtlMs, maxTtlMs);
    const certChain = authority().issueWorkload(parsed.value.publicKey, spiffeId, ttlMs);
    logger.debug('signed a certificate', { identity: spiffeId, hours: Math.round(ttlMs / hourMs) });
    return { certChain };
  });
}
