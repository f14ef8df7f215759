import { readFileSync } from 'node:fs';
import type { Clock, Logger } from '@lateen/core';
import { createChannel, type Channel } from '@lateen/protocol/grpc';
import type { RunningProxy } from '../../bootstrap/running-proxy.ts';
import type { AgentConfig } from '../agent-config.ts';
import { hostOf, portOf } from '../node.ts';
import { tokenMetadata } from '../token.ts';
import { certificateSecret, rootSecret, WorkloadCertificate } from './workload-certificate.ts';

/** True for the secrets that the agent makes itself. */
export function isOwnSecret(name: string): boolean {
  return name === certificateSecret || name === rootSecret;
}

export interface OwnCertificateOptions {
  readonly config: AgentConfig;
  readonly proxy: RunningProxy;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The certificate of this workload, put in place in its own data plane only. */
export function workloadCertificate(options: OwnCertificateOptions): WorkloadCertificate {
  const { config, proxy, clock, log } = options;
  return new WorkloadCertificate({
    channel: authorityChannel(options),
    spiffeId: `spiffe://${config.trustDomain}/ns/${config.namespace}/sa/${config.serviceAccount}`,
    ttlMs: config.certificateTtlMs,
    extraRoots: () => readIfThere(config.rootCertPath),
    clock,
    log,
    publish(secrets) {
      void proxy.setSecrets(secrets);
    },
  });
}

/** The authority is usually the control plane itself: its connection is there already. */
function authorityChannel({ config, proxy, clock }: OwnCertificateOptions): Channel {
  const { discoveryAddress, plaintext } = config.proxyConfig;
  if (!plaintext && config.caAddress === discoveryAddress && proxy.controlPlane !== undefined) {
    return proxy.controlPlane;
  }
  return createChannel({
    target: { host: hostOf(config.caAddress), port: portOf(config.caAddress) },
    tls: () => ({ ca: readFileSync(config.rootCertPath) }),
    metadata: () => tokenMetadata(config.tokenPath),
    clock,
    userAgent: 'lateen-proxy',
  });
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
