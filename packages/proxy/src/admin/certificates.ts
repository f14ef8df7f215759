import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { DataSource, Secret } from '../model/index.ts';

/** Envoy's JSON of `/certs`: what each secret holds and when it ends; never a key. */
export function certificatesJson(secrets: readonly Secret[], nowMs: number): unknown {
  return {
    certificates: secrets.flatMap((secret): unknown[] => {
      if (secret.kind === 'certificate') {
        return [{ ca_cert: [], cert_chain: describe(secret.certificate.chain, nowMs) }];
      }
      if (secret.kind !== 'validation' || secret.validation.trustedCa === undefined) return [];
      return [{ ca_cert: describe(secret.validation.trustedCa, nowMs), cert_chain: [] }];
    }),
  };
}

function describe(source: DataSource, nowMs: number): readonly unknown[] {
  const pem = pemOf(source);
  if (pem === undefined) return [];
  return [...pem.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)].flatMap(([text]) => {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(text);
    } catch {
      return [];
    }
    const expiresMs = Date.parse(certificate.validTo);
    return [
      {
        path: source.kind === 'file' ? source.path : '<inline>',
        serial_number: certificate.serialNumber.toLowerCase(),
        subject_alt_names: alternativeNames(certificate.subjectAltName),
        days_until_expiration: String(Math.max(0, Math.floor((expiresMs - nowMs) / 86_400_000))),
        valid_from: new Date(certificate.validFrom).toISOString(),
        expiration_time: new Date(expiresMs).toISOString(),
      },
    ];
  });
}

function pemOf(source: DataSource): string | undefined {
  if (source.kind === 'inline') return Buffer.from(source.bytes).toString('latin1');
  if (source.kind !== 'file') return undefined;
  try {
    return readFileSync(source.path, 'latin1');
  } catch {
    return undefined;
  }
}

/** `URI:spiffe://…, DNS:a` -> `[{uri}, {dns}]`. */
function alternativeNames(text: string | undefined): readonly unknown[] {
  return (text ?? '').split(', ').flatMap((item): unknown[] => {
    const colon = item.indexOf(':');
    const value = item.slice(colon + 1).replace(/^"|"$/g, '');
    switch (item.slice(0, colon)) {
      case 'URI':
        return [{ uri: value }];
      case 'DNS':
        return [{ dns: value }];
      case 'IP Address':
        return [{ ip_address: value }];
      default:
        return [];
    }
  });
}
