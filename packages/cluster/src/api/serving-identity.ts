import { kubernetesVersion } from '@lateen/config';
import { messageOf, type Clock, type Logger } from '@lateen/core';
import { ensureCredentials, type CredentialOptions, type Credentials } from './auth/credentials.ts';
import type { KeyPair } from './auth/issue-certificates.ts';

/** All names and addresses at which clients may find the server. */
export function servingHosts(
  clusterDomain: string,
  serviceCidr: string,
  addresses: readonly string[],
): string[] {
  return [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${clusterDomain}`,
    'localhost',
    '127.0.0.1',
    firstAddressOf(serviceCidr),
    ...addresses,
  ];
}

/** The address of the `kubernetes` Service: the first of the range. */
function firstAddressOf(cidr: string): string {
  const [base = ''] = cidr.split('/');
  const parts = base.split('.').map(Number);
  parts[3] = (parts[3] ?? 0) + 1;
  return parts.join('.');
}

const checkPeriodMs = 12 * 3_600_000;

/** Makes the certificate anew before half of its life is over; returns the function that ends it. */
export function keepCertificateFresh(
  options: Omit<CredentialOptions, 'nowMs'>,
  credentials: Credentials,
  clock: Clock,
  logger: Logger,
  renew: (certificate: KeyPair) => void,
): () => void {
  let shown = credentials.server.certificate;
  const timer = clock.every(checkPeriodMs, () => {
    try {
      const { server } = ensureCredentials({ ...options, nowMs: clock.now() });
      if (server.certificate === shown) return;
      shown = server.certificate;
      renew(server);
      logger.info('the serving certificate was renewed');
    } catch (error) {
      logger.error('the serving certificate was not renewed', { error: messageOf(error) });
    }
  });
  return () => timer.cancel();
}

/** The body of `/version`. */
export function versionDocument(): object {
  return {
    ...kubernetesVersion,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '',
    goVersion: '',
    compiler: `node ${process.version}`,
    platform: `${process.platform}/${process.arch}`,
  };
}
