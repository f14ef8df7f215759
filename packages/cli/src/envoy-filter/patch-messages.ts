import { decodeConfig, isObject, message, type ConfigObject, type Message } from '@lateen/config';
import type { MeshObject } from '../objects/collect-mesh.ts';

type EnvoyFilter = Extract<ConfigObject, { kind: 'EnvoyFilter' }>;

/**
 * What is wrong within the patches of EnvoyFilters: values that are no messages of Envoy's, patches without effect, and what
 * Lateen's proxies refuse of what is added. The types are loaded for the first EnvoyFilter.
 */
export async function patchMessages(
  objects: readonly MeshObject[],
  defaultNamespace: string,
): Promise<Message[]> {
  const filters = objects.filter(({ kind }) => kind === 'EnvoyFilter').flatMap(decoded);
  if (filters.length === 0) return [];
  const [{ decodePatches, patchTypes }, { refusedAdditions }] = await Promise.all([
    import('@lateen/control/envoy-filter'),
    import('./refused-additions.ts'),
  ]);
  const types = await patchTypes();
  return filters.flatMap(({ spec, metadata: { name, namespace = defaultNamespace } }) => {
    const object = { kind: 'EnvoyFilter', name, namespace };
    const { patches, problems, warnings } = decodePatches(spec, types);
    return [
      ...problems.map((one) => message('IST0106', object, one.path, one.message)),
      ...warnings
        .filter(({ path }) => !path.endsWith('.value'))
        .map((one) => message('LTN0003', object, one.path, one.message)),
      ...patches.flatMap((patch) =>
        refusedAdditions(patch).map(({ path, message: text }) =>
          message('LTN0004', object, joined(`${patch.path}.patch.value`, path), `Lateen's proxies: ${text}`),
        ),
      ),
    ];
  });
}

function decoded(object: MeshObject): EnvoyFilter[] {
  const result = isObject(object) ? decodeConfig(object) : undefined;
  return result?.ok === true && result.value.kind === 'EnvoyFilter' ? [result.value] : [];
}

const joined = (path: string, rest: string): string =>
  rest === '' || rest.startsWith('[') ? `${path}${rest}` : `${path}.${rest}`;
