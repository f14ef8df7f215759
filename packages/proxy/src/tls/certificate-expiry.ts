import type { Result } from '@lateen/core';
import type { DataSource } from '../model/tls.ts';
import type { CertificateGroup } from './certificates-in-use.ts';
import { readDataSource } from './data-source.ts';
import { readChain } from './load-certificate.ts';
import { readOcspResponse } from './ocsp-response.ts';
import { certificateEndMs } from './openssl/certificate.ts';
import type { LazyOpenssl } from './openssl/openssl.ts';

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const dayMs = 86_400_000;

/** When certificates end: the first of those in use. */
export class CertificateExpiry {
  readonly #openssl: LazyOpenssl;
  readonly #groups = new Map<string, readonly CertificateGroup[]>();
  /** The end of what a text holds, by the text: files are read at each look, and parsed only when they have changed. */
  #known = new Map<string, number>();

  constructor(openssl: LazyOpenssl) {
    this.#openssl = openssl;
  }

  /** Takes the certificates of an owner in place of those before; none: it is gone. */
  own(owner: string, groups: readonly CertificateGroup[]): void {
    if (groups.length === 0) this.#groups.delete(owner);
    else this.#groups.set(owner, groups);
  }

  /** Milliseconds since 1970; undefined where there is no certificate. Of a chain of ours the first certificate counts. */
  firstMs(): number | undefined {
    const known = new Map<string, number>();
    const endOf = (source: DataSource, all: boolean, pemOf: () => Result<Buffer>): number => {
      const bytes = readDataSource(source, '');
      if (!bytes.ok) return Infinity;
      const key = `${all} ${bytes.value.toString('latin1')}`;
      let end = this.#known.get(key);
      if (end === undefined) {
        const pem = pemOf();
        end = pem.ok ? this.#firstEndOf(pem.value.toString('latin1'), all) : Infinity;
      }
      known.set(key, end);
      return end;
    };
    let first = Infinity;
    for (const groups of this.#groups.values()) {
      for (const { roots, chains } of groups) {
        for (const source of roots)
          first = Math.min(
            first,
            endOf(source, true, () => readDataSource(source, '')),
          );
        for (const own of chains)
          first = Math.min(
            first,
            endOf(own.chain, false, () => readChain(own)),
          );
      }
    }
    this.#known = known;
    return first === Infinity ? undefined : first;
  }

  /** Milliseconds since 1970 from which the first OCSP response is too old; undefined where there is none. */
  firstOcspMs(): number | undefined {
    return firstResponseEnd(this.#groups.values());
  }

  #firstEndOf(text: string, all: boolean): number {
    const { c } = this.#openssl.get();
    const list = text.match(pemCertificate) ?? [];
    return (all ? list : list.slice(0, 1)).reduce(
      (first, pem) => Math.min(first, certificateEndMs(c, Buffer.from(pem, 'latin1')) ?? Infinity),
      Infinity,
    );
  }
}

/** When the first OCSP response is too old; undefined without one. */
function firstResponseEnd(groups: Iterable<readonly CertificateGroup[]>): number | undefined {
  let first = Infinity;
  for (const { chains } of [...groups].flat()) {
    for (const { ocspResponse } of chains) {
      const bytes = ocspResponse === undefined ? undefined : readDataSource(ocspResponse, '');
      const response = bytes?.ok === true ? readOcspResponse(bytes.value) : undefined;
      if (response?.ok === true) first = Math.min(first, response.value.validUntilMs);
    }
  }
  return first === Infinity ? undefined : first;
}

/** Whole days, 0 for what has ended; without a certificate the largest number of 32 bits, as Envoy has it. */
export function daysUntil(endMs: number | undefined, nowMs: number): number {
  return endMs === undefined ? 0xffff_ffff : Math.max(0, Math.floor((endMs - nowMs) / dayMs));
}

/** Whole seconds, 0 for what is over. */
export function secondsUntil(endMs: number | undefined, nowMs: number): number | undefined {
  return endMs === undefined ? undefined : Math.max(0, Math.floor((endMs - nowMs) / 1_000));
}
