import { compileStringMatch, type TextTest } from '../decide/string-match.ts';
import type { CertificateValidation, SanMatch } from '../model/tls.ts';
import type { AlternativeNames } from '../wire/tls-info.ts';
import type { Certificate } from './openssl/certificate.ts';

const noNames: AlternativeNames = { uri: [], dns: [], email: [], ip: [] };

/** Why a peer is not accepted, as the counters tell it apart. */
export type PeerRefusal = 'no_certificate' | 'untrusted' | 'wrong_name' | 'wrong_server_name' | 'wrong_hash';

/** Judges the certificate of a peer; `chainError` is OpenSSL's, undefined for a good chain. */
export type PeerCheck = (
  certificate: Pick<Certificate, 'names' | 'fingerprint' | 'keyFingerprint'> | undefined,
  chainError: string | undefined,
  serverName: string,
) => PeerRefusal | undefined;

/**
 * The checks of a connection: the chain of signatures where there are roots, the names, the hash of the
 * certificate or of its key. A certificate passes where any name matches and, where hashes are given, any hash.
 */
export function compilePeerCheck(
  validations: readonly CertificateValidation[],
  options: { readonly hasRoots: boolean; readonly sanIsServerName: boolean },
): PeerCheck {
  const verifiesChain = options.hasRoots && !validations.some((v) => v.acceptUntrusted);
  const allowExpired = validations.some((v) => v.allowExpired);
  const names = validations.filter((v) => v.sanMatches.length > 0).map(compileNames);
  const hashes = validations
    .filter((v) => v.certificateHashes.length > 0 || v.spkiHashes.length > 0)
    .map(compileHashes);
  const asksNothing = !verifiesChain && names.length === 0 && hashes.length === 0 && !options.sanIsServerName;
  return (certificate, chainError, serverName) => {
    if (asksNothing) return undefined;
    if (certificate === undefined) return 'no_certificate';
    const tolerated =
      allowExpired && (chainError === 'CERT_HAS_EXPIRED' || chainError === 'CERT_NOT_YET_VALID');
    if (verifiesChain && chainError !== undefined && !tolerated) return 'untrusted';
    const shown = certificate.names ?? noNames;
    if (options.sanIsServerName && serverName !== '' && !isForHost(shown, serverName))
      return 'wrong_server_name';
    if (names.some((matches) => !matches(shown))) return 'wrong_name';
    if (hashes.some((matches) => !matches(certificate))) return 'wrong_hash';
    return undefined;
  };
}

function compileNames(validation: CertificateValidation): (names: AlternativeNames) => boolean {
  const tests = validation.sanMatches.map(({ type, match }) => ({ type, test: compileStringMatch(match) }));
  return (names) => tests.some(({ type, test }) => anyMatches(names, type, test));
}

function compileHashes(
  validation: CertificateValidation,
): (certificate: Pick<Certificate, 'fingerprint' | 'keyFingerprint'>) => boolean {
  const ofCertificate = new Set(
    validation.certificateHashes.map((hash) => hash.replaceAll(':', '').toLowerCase()),
  );
  const ofKey = new Set(validation.spkiHashes);
  return (certificate) =>
    ofCertificate.has(certificate.fingerprint) || (ofKey.size > 0 && ofKey.has(certificate.keyFingerprint));
}

function anyMatches(names: AlternativeNames, type: SanMatch['type'], test: TextTest): boolean {
  if (type === 'any') {
    return [names.uri, names.dns, names.email, names.ip].some((list) => list.some((name) => test(name)));
  }
  return names[type].some((name) => test(name));
}

/** True where a certificate is for a host name: exact, or a wildcard for one label (RFC 6125, section 6.4.3). */
function isForHost(names: AlternativeNames, host: string): boolean {
  const wanted = host.toLowerCase();
  return (
    names.ip.includes(wanted) ||
    names.dns.some((name) => {
      const own = name.toLowerCase();
      if (own === wanted) return true;
      if (!own.startsWith('*.')) return false;
      const dot = wanted.indexOf('.');
      return dot > 0 && wanted.slice(dot) === own.slice(1);
    })
  );
}
