import { readFileSync } from 'node:fs';
import { LateenError, codeOf, messageOf, systemClock, type Clock } from '@lateen/core';
import { kubeEnvironment, type KubeEnvironment } from './env.ts';
import type { HttpClientOptions } from './http-client.ts';

/** Where every pod finds its service account's token and the cluster's certificate. */
const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** How long a token that was read is used before the file is read again; the kubelet rotates well before expiry. */
const tokenReuseMs = 60_000;

/**
 * The way to the API server from inside a pod, for `httpClient`; undefined where this process is in none.
 *
 * The token's file is read again each minute and whenever the server refuses the token.
 */
export function inClusterConfig(
  options: { readonly env?: KubeEnvironment; readonly folder?: string; readonly clock?: Clock } = {},
): HttpClientOptions | undefined {
  const env = options.env ?? kubeEnvironment();
  const folder = options.folder ?? serviceAccountFolder;
  const clock = options.clock ?? systemClock;
  if (env.serviceHost === undefined) return undefined;

  const readToken = (): string => readFileSync(`${folder}/token`, 'utf8').trim();
  let token: string;
  let ca: string;
  try {
    token = readToken();
    ca = readFileSync(`${folder}/ca.crt`, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new LateenError('kube.serviceAccount', `cannot read ${folder}: ${messageOf(error)}`, {
      hint: 'the pod needs automountServiceAccountToken and a user that may read it (fsGroup)',
    });
  }
  let readAtMs = clock.monotonicMs();
  const host = env.serviceHost.includes(':') ? `[${env.serviceHost}]` : env.serviceHost;
  return {
    server: `https://${host}:${env.servicePort}`,
    ca,
    clock,
    credentials: {
      kind: 'token',
      token: (stale) => {
        if (stale || clock.monotonicMs() - readAtMs > tokenReuseMs) {
          try {
            token = readToken();
            readAtMs = clock.monotonicMs();
          } catch {
            // Between two links of the volume: the token at hand is still good.
          }
        }
        return token;
      },
    },
  };
}

/** The namespace of the pod that this process runs in; undefined outside a cluster. */
export function inClusterNamespace(folder = serviceAccountFolder): string | undefined {
  try {
    return readFileSync(`${folder}/namespace`, 'utf8').trim();
  } catch {
    return undefined;
  }
}
