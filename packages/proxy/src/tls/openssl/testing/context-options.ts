import type { TestCertificate } from '@lateen/testkit';
import type { ContextOptions } from '../context.ts';

/** Options for a server with one certificate, all else as OpenSSL has it. */
export function contextOptions(
  { cert, key }: TestCertificate,
  more: Partial<ContextOptions> = {},
): ContextOptions {
  return {
    certificates: [{ chain: Buffer.from(cert), privateKey: Buffer.from(key), passphrase: undefined }],
    roots: [],
    revocationLists: [],
    minVersion: undefined,
    maxVersion: undefined,
    ciphers: '',
    groups: '',
    alpn: [],
    sessionTimeoutMs: undefined,
    ticketsDisabled: false,
    ...more,
  };
}
