import { X509Certificate } from 'node:crypto';
import type { Result } from '@lateen/core';
import type { Cluster, DataSource, Listener, Secret, TlsCertificate } from '../model/index.ts';
import {
  certificatesOfCluster,
  certificatesOfListener,
  certificatesOfSecret,
} from '../tls/certificates-in-use.ts';
import { readDataSource } from '../tls/data-source.ts';
import { readChain } from '../tls/load-certificate.ts';
import { readOcspResponse } from '../tls/ocsp-response.ts';

/** Envoy's JSON of `/certs`: what each secret and each TLS context holds and when it ends; never a key. */
export function certificatesJson(
  secrets: readonly Secret[],
  listeners: readonly Listener[],
  clusters: readonly Cluster[],
  nowMs: number,
): unknown {
  const groups = [
    ...secrets.flatMap(certificatesOfSecret),
    ...listeners.flatMap(certificatesOfListener),
    ...clusters.flatMap(certificatesOfCluster),
  ];
  return {
    certificates: groups.map(({ roots, chains }) => ({
      ca_cert: roots.flatMap((source) => describe(source, readDataSource(source, ''), nowMs)),
      cert_chain: chains.flatMap((own) => withOcsp(own, describe(own.chain, readChain(own), nowMs))),
    })),
  };
}

/** The first certificate with what its authority says of it. */
function withOcsp({ ocspResponse }: TlsCertificate, chain: readonly object[]): readonly object[] {
  const bytes = ocspResponse === undefined ? undefined : readDataSource(ocspResponse, '');
  const response = bytes?.ok === true ? readOcspResponse(bytes.value) : undefined;
  if (response?.ok !== true) return chain;
  const { validFromMs, validUntilMs } = response.value;
  const times = {
    valid_from: new Date(validFromMs).toISOString(),
    expiration: new Date(validUntilMs).toISOString(),
  };
  return chain.map((one, i) => (i === 0 ? { ...one, ocsp_details: times } : one));
}

function describe(source: DataSource, pem: Result<Buffer>, nowMs: number): readonly object[] {
  const text = pem.ok ? pem.value.toString('latin1') : '';
  return [...text.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)].flatMap(([one]) => {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(one);
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
