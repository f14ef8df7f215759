/** OpenSSL's numbers of groups, and where it has none those of TLS after a mark (TLSEXT_nid_unknown). */
const groups: Readonly<Record<number, string>> = {
  415: 'P-256',
  715: 'P-384',
  716: 'P-521',
  1034: 'X25519',
  1035: 'X448',
  0x10011ec: 'X25519MLKEM768',
  0x10011eb: 'SecP256r1MLKEM768',
};

/** NID_sha1, NID_sha256, NID_sha384, NID_sha512. */
const digests: Readonly<Record<number, string>> = { 64: 'sha1', 672: 'sha256', 673: 'sha384', 674: 'sha512' };
const curveOfDigest: Readonly<Record<string, string>> = {
  sha256: 'secp256r1_',
  sha384: 'secp384r1_',
  sha512: 'secp521r1_',
};

/** The group of a number that OpenSSL gives, as BoringSSL names it; empty for one that it has no name for. */
export function groupName(number: number): string {
  return groups[number] ?? '';
}

/** The signature scheme (RFC 8446 section 4.2.3) of OpenSSL's numbers for its key and its digest; empty for others. */
export function signatureName(type: number, digest: number): string {
  const hash = digests[digest] ?? '';
  switch (type) {
    case 6:
      return `rsa_pkcs1_${hash}`;
    case 408:
      return `ecdsa_${curveOfDigest[hash] ?? ''}${hash}`;
    case 912:
      return `rsa_pss_rsae_${hash}`;
    case 1087:
      return 'ed25519';
    default:
      return '';
  }
}
