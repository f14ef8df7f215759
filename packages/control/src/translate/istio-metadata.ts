import type { Metadata } from '@lateen/protocol/envoy/config/core/v3';
import type { JsonObject } from '@lateen/protocol';

/** Metadata under the key at which Istio's tools and filters look. */
export function istioMetadata(fields: JsonObject): Metadata {
  return { filterMetadata: { istio: fields } };
}

/** The path by which Istio's metadata names the object that a resource was made of. */
export function configPath(kind: 'virtual-service' | 'destination-rule', key: string): string {
  const [namespace, name] = key.split('/');
  return `/apis/networking.istio.io/v1/namespaces/${namespace}/${kind}/${name}`;
}
