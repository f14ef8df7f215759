import { configKinds, isObject, type ConfigKind } from '@lateen/config';
import { isStatus, resources, type KubeClient, type Resource } from '@lateen/kube';

/** An object as it stands in a manifest. */
export type MeshObject = Record<string, unknown>;

/** Everything of a cluster that analyzers look at. */
export async function collectMesh(client: KubeClient): Promise<MeshObject[]> {
  const configs = Object.values<ConfigKind>(configKinds)
    .filter(({ kind }) => kind !== 'IstioOperator')
    .map(
      ({ group, versions, kind, plural }): Resource => ({
        group,
        version: versions[0] ?? 'v1',
        kind,
        plural,
        namespaced: true,
      }),
    );
  const platform = [resources.namespaces, resources.services, resources.deployments, resources.pods];
  const lists = await Promise.all(
    [...platform, ...configs].map(async (resource): Promise<MeshObject[]> => {
      try {
        const { items } = await client.list(resource);
        // Elements of lists come without the fields that name their kind.
        return items.map((item) => ({
          ...item,
          apiVersion: resource.group === '' ? resource.version : `${resource.group}/${resource.version}`,
          kind: resource.kind,
        }));
      } catch (error) {
        if (isStatus(error, 'NotFound')) return [];
        throw error;
      }
    }),
  );
  return lists.flat();
}

/** The objects of a cluster as they would be after others were applied. */
export function overlay(
  present: readonly MeshObject[],
  applied: readonly MeshObject[],
  defaultNamespace: string,
): MeshObject[] {
  const replaced = new Set(applied.map((object) => keyOf(object, defaultNamespace)));
  return [...present.filter((object) => !replaced.has(keyOf(object, defaultNamespace))), ...applied];
}

function keyOf(object: MeshObject, defaultNamespace: string): string {
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const { namespace = defaultNamespace, name } = metadata;
  const group = String(object['apiVersion']).split('/').slice(0, -1).join('/');
  return [group, object['kind'], namespace, name].map(String).join('/');
}
