import { secretDecoder } from '../decode/resource.ts';
import { certificateEndMs } from '../tls/openssl/certificate.ts';
import { loadFunctions } from '../tls/openssl/functions.ts';

/** True for a certificate, in the bytes of a `Secret`, whose time is over. */
export function isExpiredSecret(bytes: Uint8Array, nowMs: number): boolean {
  const decoded = secretDecoder.fromBytes(bytes);
  if (!decoded.ok || decoded.value.model.kind !== 'certificate') return false;
  const { chain } = decoded.value.model.certificate;
  if (chain.kind !== 'inline') return false;
  const endMs = certificateEndMs(loadFunctions().functions, Buffer.from(chain.bytes));
  return endMs !== undefined && endMs <= nowMs;
}
