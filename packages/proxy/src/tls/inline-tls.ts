import type { Problem, Result } from '@lateen/core';
import type { CertificateValidation, DataSource, OcspPolicy, TlsOptions, TlsVersion } from '../model/tls.ts';
import { whyNotWritable } from './key-log.ts';
import { loadCertificate, type LoadedCertificate } from './load-certificate.ts';
import type { LazyOpenssl, Openssl } from './openssl/openssl.ts';
import { takesCiphers, takesNames } from './openssl/usable.ts';
import { whyNotStapled } from './stapling.ts';
import { loadTicketKeys, loadValidation, type LoadedValidation } from './secret-store.ts';

/** What a resource itself says of its TLS, secrets left out, read; what is wrong has its path in the TLS context. */
export interface InlineTls {
  readonly certificates: readonly LoadedCertificate[];
  readonly validation: LoadedValidation | undefined;
  readonly ticketKeys: readonly Buffer[];
  readonly wrong: readonly Problem[];
}

const common = 'common_tls_context';

/** Reads what the resource itself says: certificates, roots, keys of session tickets. */
export function readInlineTls(
  openssl: LazyOpenssl,
  options: TlsOptions,
  ticketKeys: readonly DataSource[] = [],
): InlineTls {
  const wrong: Problem[] = [];
  const taken = <T>(loaded: Result<T>): T | undefined => {
    if (loaded.ok) return loaded.value;
    wrong.push(...loaded.problems);
    return undefined;
  };
  const { certificates, validation, validationSecret } = options;
  const validationField =
    validationSecret === undefined
      ? 'validation_context'
      : 'combined_validation_context.default_validation_context';
  return {
    certificates: certificates
      .map((model, i) => taken(loadCertificate(openssl.get(), model, `${common}.tls_certificates[${i}]`)))
      .filter((certificate) => certificate !== undefined),
    validation:
      validation === undefined
        ? undefined
        : taken(loadValidation(openssl.get(), validation, `${common}.${validationField}`)),
    ticketKeys: taken(loadTicketKeys(ticketKeys, 'session_ticket_keys')) ?? [],
    wrong,
  };
}

/** Everything in a TLS context that makes connections impossible whatever its secrets will hold. */
export function inlineTlsProblems(
  openssl: LazyOpenssl,
  options: TlsOptions,
  ticketKeys?: readonly DataSource[],
  ocspPolicy?: OcspPolicy,
): readonly Problem[] {
  const read = readInlineTls(openssl, options, ticketKeys);
  return [
    ...validationProblems(options),
    ...read.wrong,
    ...(ocspPolicy === undefined || read.wrong.length > 0
      ? []
      : staplingProblems(read.certificates, ocspPolicy)),
    ...parameterProblems(openssl, options),
    ...alpnProblems(options),
    ...keyLogProblems(options),
  ];
}

/** Certificates that a server could not show for want of an OCSP response. */
function staplingProblems(
  certificates: readonly LoadedCertificate[],
  policy: OcspPolicy,
): readonly Problem[] {
  return certificates.flatMap((certificate, i) => {
    const message = whyNotStapled(certificate, policy);
    return message === undefined ? [] : [{ path: `${common}.tls_certificates[${i}]`, message }];
  });
}

/** Somebody says whom to trust, inline or by a secret that is to come. */
export function verifiesPeers({ validation, validationSecret }: TlsOptions): boolean {
  return validationSecret !== undefined || (validation !== undefined && hasRoots(validation));
}

function hasRoots({ trustedCa, systemRoots, trustDomains }: CertificateValidation): boolean {
  return trustedCa !== undefined || systemRoots === true || trustDomains !== undefined;
}

/** As Envoy: who is not verified by roots may call himself what he likes. */
function validationProblems({ validation, validationSecret }: TlsOptions): readonly Problem[] {
  if (validation === undefined || validationSecret !== undefined || validation.acceptUntrusted) return [];
  if (hasRoots(validation)) return [];
  const path = `${common}.validation_context`;
  const wrong: Problem[] = [];
  if (validation.sanMatches.length > 0) {
    const message = 'is insecure without trusted_ca: a peer that no root vouches for has any name it likes';
    wrong.push({ path: `${path}.match_typed_subject_alt_names`, message });
  }
  if (validation.allowExpired) {
    const message = 'has no effect without trusted_ca: no date is looked at then';
    wrong.push({ path: `${path}.allow_expired_certificate`, message });
  }
  return wrong;
}

const versionOrder: readonly TlsVersion[] = ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/** Envoy refuses names that its library does not know; each is looked up by itself, so that it can be named. */
function parameterProblems(openssl: LazyOpenssl, options: TlsOptions): readonly Problem[] {
  const params = `${common}.tls_params`;
  const { cipherSuites, ecdhCurves, signatureAlgorithms = [] } = options;
  const { minVersion = 'TLSv1.2', maxVersion = 'TLSv1.3' } = options;
  const wrong: Problem[] = [];
  if (versionOrder.indexOf(minVersion) > versionOrder.indexOf(maxVersion)) {
    const message = `${minVersion} is above the maximum, ${maxVersion}`;
    wrong.push({ path: `${params}.tls_minimum_protocol_version`, message });
  }
  for (const [i, entry] of cipherSuites.entries()) {
    const unknown = suitesOf(entry).find((suite) => !isKnownSuite(openssl.get(), suite));
    if (unknown === undefined) continue;
    wrong.push({
      path: `${params}.cipher_suites[${i}]`,
      message: `OpenSSL has no cipher suite "${unknown}"`,
    });
  }
  if (
    wrong.length === 0 &&
    cipherSuites.length > 0 &&
    !leavesSome(openssl.get(), cipherSuites.flatMap(suitesOf))
  )
    wrong.push({ path: `${params}.cipher_suites`, message: 'has no suite for TLS 1.2 that OpenSSL can use' });
  for (const [i, curve] of ecdhCurves.entries()) {
    if (!takesNames(openssl.get(), 'groups', curveName(curve)))
      wrong.push({ path: `${params}.ecdh_curves[${i}]`, message: `OpenSSL has no curve "${curve}"` });
  }
  for (const [i, sigalgs] of signatureAlgorithms.entries()) {
    const message = `OpenSSL has no signature algorithm "${sigalgs}"`;
    if (!takesNames(openssl.get(), 'signatureAlgorithms', sigalgs))
      wrong.push({ path: `${params}.signature_algorithms[${i}]`, message });
  }
  return wrong;
}

function alpnProblems({ alpn }: TlsOptions): readonly Problem[] {
  const message = 'must have 1 to 255 bytes (RFC 7301 section 3.1)';
  return alpn.flatMap((name, i) =>
    name.length >= 1 && name.length <= 255 ? [] : [{ path: `${common}.alpn_protocols[${i}]`, message }],
  );
}

function keyLogProblems({ keyLog }: TlsOptions): readonly Problem[] {
  const message = keyLog === undefined ? undefined : whyNotWritable(keyLog.path);
  return message === undefined
    ? []
    : [{ path: `${common}.key_log.path`, message: `cannot be written: ${message}` }];
}

/** Operators change the list; the suites of TLS 1.3 are always on; 3DES, which Envoy's library has, is left out. */
function isKnownSuite(openssl: Openssl, suite: string): boolean {
  return /^[!+@-]|^TLS_|^DES-CBC3-SHA$/.test(suite) || takesCiphers(openssl, suite);
}

/** True where a list of suites leaves one for the versions before TLS 1.3, whose suites are always on. */
function leavesSome(openssl: Openssl, suites: readonly string[]): boolean {
  const old = suites.filter((suite) => !suite.startsWith('TLS_'));
  return old.length > 0 && takesCiphers(openssl, old.join(':'));
}

/** Suites of an entry: those of `[a|b]` are of equal rank. */
export function suitesOf(entry: string): readonly string[] {
  return entry.replace(/^\[|\]$/g, '').split('|');
}

const curves: Readonly<Record<string, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
};

/** OpenSSL's name of a curve. */
export function curveName(curve: string): string {
  return curves[curve] ?? curve;
}
