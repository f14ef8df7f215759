import { readFileSync } from 'node:fs';
import type { Clock, Logger } from '@lateen/core';
import { ClusterGrpcCaller, type GrpcCaller } from '../../call/index.ts';
import type { RunningProxy } from '../../bootstrap/running-proxy.ts';
import type { AgentConfig } from '../agent-config.ts';
import type { Secret } from '../../model/index.ts';
import { authorityClusterName, controlPlaneClusterName } from '../bootstrap-json.ts';
import { tokenMetadata } from '../token.ts';
import { keptCertificate } from './kept-certificate.ts';
import { FileSecrets, isFileSecret } from './file-secrets.ts';
import { certificateSecret, rootSecret, WorkloadCertificate } from './workload-certificate.ts';

/** True for the secrets that the agent provides itself: the workload's own certificate, its root, and files. */
export function isOwnSecret(name: string): boolean {
  return name === certificateSecret || name === rootSecret || isFileSecret(name);
}

export interface OwnSecretsOptions {
  readonly config: AgentConfig;
  /** A folder in which keys may be kept; undefined: there is none. */
  readonly keyPath: string | undefined;
  readonly proxy: RunningProxy;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Secrets that never leave this process. */
export interface OwnSecrets {
  /** Makes the named secrets available; each is made or read when it is first wanted. */
  want(names: readonly string[]): void;
  close(): void;
}

/** Provides the workload's certificate and the files it refers to, to its own data plane only. */
export function ownSecrets(options: OwnSecretsOptions): OwnSecrets {
  const { config, proxy, clock, log } = options;
  const publish = (secrets: readonly Secret[]): void => void proxy.setSecrets(secrets);
  const certificate = new WorkloadCertificate({
    caller: authorityCaller(options),
    spiffeId: `spiffe://${config.trustDomain}/ns/${config.namespace}/sa/${config.serviceAccount}`,
    ttlMs: config.certificateTtlMs,
    kept: options.keyPath === undefined ? undefined : keptCertificate(options.keyPath),
    extraRoots: () => readIfThere(config.rootCertPath),
    clock,
    log,
    publish,
  });
  const files = new FileSecrets({ clock, log, publish });
  return {
    want(names) {
      if (names.some((name) => name === certificateSecret || name === rootSecret)) certificate.start();
      files.want(names);
    },
    close() {
      certificate.close();
      files.close();
    },
  };
}

/** The authority is usually the control plane itself: its connection is there already. */
function authorityCaller({ config, proxy }: OwnSecretsOptions): GrpcCaller {
  const cluster = authorityClusterName(config);
  if (cluster === undefined && proxy.controlPlane !== undefined) return proxy.controlPlane;
  const { calls } = proxy.dataPlane;
  return new ClusterGrpcCaller(calls, {
    cluster: calls.clusterRef(cluster ?? controlPlaneClusterName),
    metadata: () => tokenMetadata(config.tokenPath),
  });
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
