import type { Clock, Logger, Timer } from '@lateen/core';
import type { CertificateAuthority, IssuedPair } from './authority.ts';

const hourMs = 3_600_000;
const ttlMs = 24 * hourMs;

/** The control plane's own certificate, renewed before half of its life; in memory only. */
export interface ServingCertificate {
  readonly current: IssuedPair;
  /** Calls `changed` with each new certificate; returns what stops that. */
  subscribe(changed: (pair: IssuedPair) => void): () => void;
  close(): void;
}

export interface ServingCertificateOptions {
  readonly authority: CertificateAuthority;
  readonly dnsNames: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes the control plane's certificate and keeps it fresh. */
export function servingCertificate(options: ServingCertificateOptions): ServingCertificate {
  const { authority, dnsNames, clock, logger } = options;
  const subscribers = new Set<(pair: IssuedPair) => void>();
  let current = authority.issueServer(dnsNames, ttlMs);
  let timer: Timer;
  const schedule = (): void => {
    const halfMs = Math.max(60_000, (current.notAfterMs - clock.now()) * 0.45);
    timer = clock.after(halfMs, () => {
      current = authority.issueServer(dnsNames, ttlMs);
      logger.info('renewed the serving certificate');
      for (const changed of subscribers) changed(current);
      schedule();
    });
  };
  schedule();
  return {
    get current() {
      return current;
    },
    subscribe(changed) {
      subscribers.add(changed);
      return () => void subscribers.delete(changed);
    },
    close: () => timer.cancel(),
  };
}

/** The names of the control plane's Service that clients use. */
export function controlPlaneNames(namespace: string, revision: string): string[] {
  const services = [
    'istiod',
    'istio-pilot',
    ...(revision === '' || revision === 'default' ? [] : [`istiod-${revision}`]),
  ];
  return services.flatMap((service) => [
    `${service}.${namespace}.svc`,
    `${service}.${namespace}`,
    `${service}.${namespace}.svc.cluster.local`,
    service,
  ]);
}
