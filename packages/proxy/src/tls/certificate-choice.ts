import type { Certificate } from './openssl/certificate.ts';
import type { ClientHello, EcdsaCurve } from './openssl/client-hello.ts';

/** What a certificate is chosen by. */
export interface CertificateTraits {
  /** Its DNS names, or its common name where it has no alternative names at all (RFC 6125 section 6.4.4). */
  readonly names: readonly string[];
  /** Of an ECDSA key; undefined for another one, which is taken for RSA. */
  readonly curve: EcdsaCurve | undefined;
}

const curves: Readonly<Record<string, EcdsaCurve>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

export function traitsOf(certificate: Certificate): CertificateTraits {
  const { commonName, curve } = certificate;
  const names = certificate.names?.dns ?? (commonName === undefined ? [] : [commonName]);
  return {
    names: names.map((name) => name.toLowerCase()),
    curve: curve === undefined ? undefined : curves[curve],
  };
}

/**
 * Compiles the choice among several certificates for a client; the result is an index.
 *
 * As Envoy (DownstreamTlsContext.full_scan_certs_on_sni_mismatch): the exact server name, then the wildcard for its
 * first label; of these an ECDSA certificate whose curve the client knows, else one with RSA. Without a server name, and
 * with one that no certificate has where `scansAll`, all are looked at in their order; the first where nothing fits.
 * Those that `mayNotStaple` says cannot be shown to clients that ask for an OCSP response are passed over for them.
 */
export function compileCertificateChoice(
  certificates: readonly CertificateTraits[],
  scansAll: boolean,
  mayNotStaple: (index: number) => boolean = () => false,
): (hello: ClientHello) => number {
  const byName = new Map<string, number[]>();
  certificates.forEach(({ names, curve }, index) => {
    for (const name of names) {
      const key = name.startsWith('*.') ? name.slice(1) : name;
      const present = byName.get(key) ?? [];
      byName.set(key, present);
      // Of one kind of key the earlier certificate serves the name.
      const taken = present.some((i) => (certificates[i]?.curve === undefined) === (curve === undefined));
      if (!taken) present.push(index);
    }
  });
  const all = certificates.map((_, index) => index);

  /** ECDSA is preferred to RSA, whatever comes first. */
  function best(
    candidates: readonly number[],
    { ecdsaCurves, wantsStatus }: ClientHello,
  ): number | undefined {
    const fit = wantsStatus ? candidates.filter((i) => !mayNotStaple(i)) : candidates;
    const ecdsa = fit.find((i) => {
      const curve = certificates[i]?.curve;
      return curve !== undefined && ecdsaCurves.includes(curve);
    });
    return ecdsa ?? fit.find((i) => certificates[i]?.curve === undefined);
  }

  return (hello) => {
    const { serverName } = hello;
    if (serverName !== '') {
      const dot = serverName.indexOf('.', 1);
      const named =
        best(byName.get(serverName) ?? [], hello) ??
        (dot < 0 ? undefined : best(byName.get(serverName.slice(dot)) ?? [], hello));
      if (named !== undefined) return named;
      if (!scansAll) return 0;
    }
    return best(all, hello) ?? 0;
  };
}
