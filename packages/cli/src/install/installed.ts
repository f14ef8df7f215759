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
  const remembered = asked ? undefined : await rememberedOperator(client, request.revision ?? 'default');
  return resolveInstall(remembered === undefined ? request : { ...request, operators: [remembered] });
}

/**
 * What a cluster that starts again is given: the installation that it had, with the images of this version; the default
 * one where it had none.
 */
export async function findInstallationToRenew(client: KubeClient): Promise<Installation> {
  const remembered = await rememberedOperator(client, 'default');
  if (remembered === undefined) return resolveInstall({});
  const { hub: _, tag: __, ...spec } = remembered.spec;
  return resolveInstall({ operators: [{ ...remembered, spec }] });
}

/** The IstioOperator that was written beside an installation; undefined where there is none. */
async function rememberedOperator(
  client: KubeClient,
  revision: string,
): Promise<(KubeObject & { readonly spec: Readonly<Record<string, unknown>> }) | undefined> {
  const remembered = (await listOperators(client)).find(
    ({ metadata }) => metadata.labels?.['istio.io/rev'] === revision,
  );
  if (remembered === undefined) return undefined;
  const spec = isObject(remembered['spec']) ? { ...remembered['spec'] } : {};
  if (spec['revision'] === 'default') delete spec['revision'];
  return { ...remembered, spec };
}

async function listOperators(client: KubeClient): Promise<KubeObject[]> {
  try {
    return (await client.list(operators)).items;
  } catch (error) {
    if (isStatus(error, 'NotFound')) return [];
    throw error;
  }
}
