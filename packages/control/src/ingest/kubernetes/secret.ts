import type { KubeObject } from '@lateen/kube';
import type { TlsSecret } from '../../model/tls-secret.ts';

export interface KubeSecret extends KubeObject {
  type?: string;
  data?: Record<string, string>;
}

/** Types that never hold what gateways need, and are many. */
const ignoredTypes = new Set([
  'kubernetes.io/service-account-token',
  'helm.sh/release.v1',
  'istio.io/ca-root',
]);

/**
 * Certificates out of a Secret, under Kubernetes' names (`tls.crt`, `tls.key`, `ca.crt`) or Istio's
 * generic ones (`cert`, `key`, `cacert`); undefined where it holds none.
 */
export function decodeSecret(secret: KubeSecret): TlsSecret | undefined {
  if (ignoredTypes.has(secret.type ?? '')) return undefined;
  const text = (...keys: readonly string[]): string | undefined => {
    for (const key of keys) {
      const value = secret.data?.[key];
      if (value !== undefined && value !== '') return Buffer.from(value, 'base64').toString();
    }
    return undefined;
  };
  const certificateChain = text('tls.crt', 'cert');
  const privateKey = text('tls.key', 'key');
  const roots = text('ca.crt', 'cacert');
  if ((certificateChain === undefined || privateKey === undefined) && roots === undefined) return undefined;
  return {
    namespace: secret.metadata.namespace ?? 'default',
    name: secret.metadata.name,
    certificateChain,
    privateKey,
    roots,
    revoked: text('ca.crl', 'crl'),
  };
}
