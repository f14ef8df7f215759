import { configKindOf } from '@lateen/config';
import { LateenError } from '@lateen/core';
import { apiVersionOf, resources, type KubeObject, type Resource } from '@lateen/kube';

const builtIn = new Map<string, Resource>(
  Object.values(resources).map((resource) => [`${apiVersionOf(resource)} ${resource.kind}`, resource]),
);

/** The resource of an object that an installation has; needs no question to the API server. */
export function resourceOf(object: Pick<KubeObject, 'apiVersion' | 'kind'>): Resource {
  const known = builtIn.get(`${object.apiVersion} ${object.kind}`);
  if (known !== undefined) return known;
  const config = configKindOf(object.apiVersion, object.kind);
  if (config === undefined) {
    throw new LateenError(
      'install.unknownKind',
      `${object.apiVersion} ${object.kind} is not part of an installation`,
    );
  }
  const version = object.apiVersion.split('/')[1] ?? '';
  return { group: config.group, version, kind: config.kind, plural: config.plural, namespaced: true };
}

/** `Deployment istio-system/istiod`, for messages. */
export function describe(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
