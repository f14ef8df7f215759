import { LateenError, type Clock, type Logger } from '@lateen/core';
import { isStatus, resources, type KubeClient, type Secret } from '@lateen/kube';
import { CertificateAuthority, selfSignedAuthority, type AuthorityMaterial } from './authority.ts';

/** Name of the Secret with a CA that the user brings. */
export const pluggedSecretName = 'cacerts';
/** Name of the Secret with the CA that the control plane made for itself. */
export const ownSecretName = 'istio-ca-secret';

export interface AuthorityOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The mesh's CA: the one in Secret `cacerts` where the user put one there, else the one in Secret
 * `istio-ca-secret`, which is made where it is missing.
 *
 * Several replicas that start at the same time end up with the same CA.
 */
export async function loadAuthority(options: AuthorityOptions): Promise<CertificateAuthority> {
  const { client, namespace, clock, logger } = options;
  const [plugged, own] = await Promise.all([
    readSecret(client, namespace, pluggedSecretName),
    readSecret(client, namespace, ownSecretName),
  ]);
  if (plugged !== undefined) {
    logger.info('signing with the CA of a Secret', { secret: pluggedSecretName });
    return new CertificateAuthority(materialOf(plugged), clock);
  }
  const kept = own ?? (await createSecret(options));
  const authority = new CertificateAuthority(materialOf(kept), clock);
  if (authority.notAfterMs < clock.now()) {
    throw new LateenError('ca.expired', `the CA in Secret ${namespace}/${ownSecretName} has expired`, {
      hint: `Delete the Secret and restart the control plane and all sidecars: kubectl delete secret ${ownSecretName} -n ${namespace}`,
    });
  }
  return authority;
}

async function readSecret(client: KubeClient, namespace: string, name: string): Promise<Secret | undefined> {
  try {
    return await client.get<Secret>(resources.secrets, namespace, name);
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function createSecret(options: AuthorityOptions): Promise<Secret> {
  const { client, namespace, trustDomain, clock, logger } = options;
  const material = selfSignedAuthority(trustDomain, clock.now());
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  try {
    const created = await client.create<Secret>(resources.secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'istio.io/ca-root',
      metadata: { name: ownSecretName, namespace },
      data: {
        'ca-cert.pem': encode(material.certificate),
        'ca-key.pem': encode(material.privateKey),
        'cert-chain.pem': '',
        'key.pem': '',
        'root-cert.pem': encode(material.root),
      },
    });
    logger.info('made a self-signed CA', { secret: ownSecretName });
    return created;
  } catch (error) {
    // Another replica was faster: its CA holds.
    if (isStatus(error, 'AlreadyExists'))
      return client.get<Secret>(resources.secrets, namespace, ownSecretName);
    throw error;
  }
}

function materialOf(secret: Secret): AuthorityMaterial {
  const read = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
  // The form of cert-manager and of kubectl create secret tls: the chain in one file.
  if (secret.data?.['tls.crt'] !== undefined) {
    const chain = read('tls.crt');
    return {
      certificate: chain,
      privateKey: read('tls.key'),
      intermediates: '',
      root: read('ca.crt') || chain,
    };
  }
  const certificate = read('ca-cert.pem');
  return {
    certificate,
    privateKey: read('ca-key.pem'),
    intermediates: read('cert-chain.pem'),
    // Secrets of older versions have no root of their own: the CA is the root.
    root: read('root-cert.pem') || certificate,
  };
}
