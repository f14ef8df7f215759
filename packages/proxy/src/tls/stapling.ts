import type { OcspPolicy } from '../model/tls.ts';
import type { OcspResponse } from './ocsp-response.ts';
import type { StapleChoice } from './openssl/ocsp-stapler.ts';

/** The object identifier of id-pe-tlsfeature, by which a certificate demands OCSP responses (RFC 7633), in DER. */
const tlsFeature = Buffer.from('06082b06010505070118', 'hex');

/** What of our certificates decides on stapling. */
export interface StapledCertificate {
  /** PEM. */
  readonly chain: Buffer;
  readonly ocsp?: OcspResponse;
}

function demands({ chain }: StapledCertificate): boolean {
  const [own = ''] = /-----BEGIN CERTIFICATE-----[^-]+/.exec(chain.toString('latin1')) ?? [];
  return Buffer.from(own.slice(own.lastIndexOf('-') + 1), 'base64').includes(tlsFeature);
}

/** Why a certificate cannot serve under a policy; undefined where it can. */
export function whyNotStapled(certificate: StapledCertificate, policy: OcspPolicy): string | undefined {
  if (certificate.ocsp !== undefined) return undefined;
  if (policy === 'must') return 'must have an OCSP response (ocsp_staple): ocsp_staple_policy is MUST_STAPLE';
  return demands(certificate)
    ? 'must have an OCSP response (ocsp_staple): the certificate demands it (RFC 7633)'
    : undefined;
}

/** Compiles what clients get that ask, as Envoy; undefined where no certificate has a response. */
export function compileStapling(
  certificates: readonly StapledCertificate[],
  policy: OcspPolicy,
  now: () => number,
): StapleChoice | undefined {
  if (certificates.every(({ ocsp }) => ocsp === undefined)) return undefined;
  const rules = certificates.map((one) => ({ ocsp: one.ocsp, policy: demands(one) ? 'must' : policy }));
  return (index) => {
    const rule = rules[index];
    if (rule === undefined) return 'omitted';
    if (rule.ocsp !== undefined && rule.ocsp.validUntilMs > now()) return rule.ocsp.der;
    if (rule.policy === 'must') return 'failed';
    return rule.policy === 'strict' && rule.ocsp !== undefined ? 'failed' : 'omitted';
  };
}
