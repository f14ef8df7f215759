import { configKinds, isObject } from '@lateen/config';
import { isStatus, type KubeClient, type KubeObject, type Resource } from '@lateen/kube';
import { resolveInstall, type Installation, type InstallRequest } from './resolve-install.ts';

const { group, plural } = configKinds.IstioOperator;
const operators: Resource = { group, version: 'v1alpha1', kind: 'IstioOperator', plural, namespaced: true };

/**
 * The installation in a cluster, as it was remembered when it was written; what the request says goes before.
 *
 * Where none is remembered, the installation that the request asks for.
 */
export async function findInstalled(client: KubeClient, request: InstallRequest): Promise<Installation> {
  const asked = (request.settings ?? []).length > 0 || (request.operators ?? []).length > 0;
  if (asked) return resolveInstall(request);
  const revision = request.revision ?? 'default';
  const remembered = (await listOperators(client)).find(
    ({ metadata }) => metadata.labels?.['istio.io/rev'] === revision,
  );
  if (remembered === undefined) return resolveInstall(request);
  const spec = isObject(remembered['spec']) ? { ...remembered['spec'] } : {};
  if (spec['revision'] === 'default') delete spec['revision'];
  return resolveInstall({ ...request, operators: [{ ...remembered, spec }] });
}

async function listOperators(client: KubeClient): Promise<KubeObject[]> {
  try {
    return (await client.list(operators)).items;
  } catch (error) {
    if (isStatus(error, 'NotFound')) return [];
    throw error;
  }
}
