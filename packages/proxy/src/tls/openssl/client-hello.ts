/** A curve that certificates have their keys on. */
export type EcdsaCurve = 'P-256' | 'P-384' | 'P-521';

/** What a client says of itself before a certificate is chosen. */
export interface ClientHello {
  /** In lower case; empty for none. */
  readonly serverName: string;
  /** The curves of ECDSA certificates that it can verify; empty: none. */
  readonly ecdsaCurves: readonly EcdsaCurve[];
  /** It asks for an OCSP response. */
  readonly wantsStatus: boolean;
}

/** The parts of a ClientHello that matter here, as they are on the wire; empty where the client has left one out. */
export interface HelloParts {
  readonly cipherSuites: Buffer;
  extension(type: number): Buffer;
}

/** Numbers of extensions (RFC 8446 section 4.2). */
const serverNames = 0;
const statusRequest = 5;
const supportedGroups = 10;
const signatureAlgorithms = 13;
const supportedVersions = 43;

/** ecdsa_secp256r1_sha256 and so on (RFC 8446 section 4.2.3). */
const curveOfSignature: Readonly<Record<number, EcdsaCurve>> = {
  0x0403: 'P-256',
  0x0503: 'P-384',
  0x0603: 'P-521',
};
/** secp256r1 and so on (RFC 8446 section 4.2.7). */
const curveOfGroup: Readonly<Record<number, EcdsaCurve>> = { 23: 'P-256', 24: 'P-384', 25: 'P-521' };

/** ECDHE_ECDSA with CBC, GCM, CCM and ChaCha20 (RFC 8422, 5289, 7251, 7905). */
const ecdsaSuites: ReadonlySet<number> = new Set([
  0xc008, 0xc009, 0xc00a, 0xc023, 0xc024, 0xc02b, 0xc02c, 0xc0ac, 0xc0ad, 0xc0ae, 0xc0af, 0xcca9,
]);

/** Reads what a certificate is chosen by. */
export function readClientHello(parts: HelloParts): ClientHello {
  return {
    serverName: serverNameOf(parts.extension(serverNames)),
    ecdsaCurves: ecdsaCurvesOf(parts),
    wantsStatus: parts.extension(statusRequest).length > 0,
  };
}

/** The host name of a server_name extension (RFC 6066 section 3): length of the list, type 0, length, name. */
function serverNameOf(extension: Buffer): string {
  if (extension.length < 5 || extension[2] !== 0) return '';
  return extension.toString('latin1', 5, 5 + extension.readUInt16BE(3)).toLowerCase();
}

/**
 * As Envoy tells what a client can verify: one that offers TLS 1.3 or later versions by its signature algorithms, another
 * by its groups where it offers a cipher suite with ECDSA too.
 */
function ecdsaCurvesOf(parts: HelloParts): readonly EcdsaCurve[] {
  if (parts.extension(supportedVersions).length > 0)
    return known(numbers(parts.extension(signatureAlgorithms).subarray(2)), curveOfSignature);
  if (!numbers(parts.cipherSuites).some((suite) => ecdsaSuites.has(suite))) return [];
  return known(numbers(parts.extension(supportedGroups).subarray(2)), curveOfGroup);
}

function known(list: readonly number[], table: Readonly<Record<number, EcdsaCurve>>): readonly EcdsaCurve[] {
  return list.flatMap((number) => table[number] ?? []);
}

/** Numbers of 16 bits one after another; a byte that is left over is not looked at. */
function numbers(bytes: Buffer): number[] {
  const list: number[] = [];
  for (let at = 0; at + 2 <= bytes.length; at += 2) list.push(bytes.readUInt16BE(at));
  return list;
}
