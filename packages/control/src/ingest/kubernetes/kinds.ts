import { decodeConfig } from '@lateen/config';
import { ok, type Result } from '@lateen/core';
import { resources, type KubeObject, type Resource } from '@lateen/kube';
import { put, remove, type Change, type Table } from '../../engine/state.ts';
import type { MeshSettings } from '../../model/mesh-settings.ts';
import * as tables from '../../model/tables.ts';
import { configChange, ingestedKinds, resourceOfKind, tableOfKind, type IngestedConfig } from './config.ts';
import type { KubeEndpointSlice, KubePod, KubeService } from './core-objects.ts';
import { decodeSecret, type KubeSecret } from './secret.ts';
import { decodeService } from './service.ts';
import { decodeEndpointSlice, decodeNode, decodePod } from './workload.ts';

/** How the objects of one kind become rows; each object by itself. */
export interface IngestedResource {
  readonly resource: Resource;
  /** The row of an object, or that it has none; problems where the object is wrong. */
  decode(object: KubeObject, mesh: MeshSettings): Result<Change>;
  /** That the object has gone. */
  gone(object: KubeObject, mesh: MeshSettings): Change;
}

function namespacedKey(object: KubeObject): string {
  return `${object.metadata.namespace ?? 'default'}/${object.metadata.name}`;
}

/** A kind that an API server has checked. */
function builtIn<T extends KubeObject, Row>(
  resource: Resource,
  into: Table<Row>,
  decode: (object: T, mesh: MeshSettings) => Row | undefined,
  keyOf: (object: T, mesh: MeshSettings) => string = namespacedKey,
): IngestedResource {
  return {
    resource,
    decode(object, mesh) {
      const row = decode(object as T, mesh);
      const key = keyOf(object as T, mesh);
      return ok(row === undefined ? remove(into, key) : put(into, key, row));
    },
    gone: (object, mesh) => remove(into, keyOf(object as T, mesh)),
  };
}

function configuration(kind: (typeof ingestedKinds)[number]): IngestedResource {
  return {
    resource: resourceOfKind(kind),
    decode(object, mesh) {
      const decoded = decodeConfig(object);
      return decoded.ok ? ok(configChange(decoded.value as IngestedConfig, mesh)) : decoded;
    },
    gone: (object) => remove(tableOfKind[kind] as Table<unknown>, namespacedKey(object)),
  };
}

const byName = (object: KubeObject): string => object.metadata.name;

/** Everything that is followed, besides the mesh's settings. */
export const ingestedResources: readonly IngestedResource[] = [
  builtIn(resources.services, tables.services, decodeService, (object: KubeService, mesh) => {
    const { namespace, hostname } = decodeService(object, mesh);
    return `${namespace}/${hostname}`;
  }),
  builtIn<KubeEndpointSlice, unknown>(resources.endpointSlices, tables.slices, decodeEndpointSlice),
  builtIn<KubePod, unknown>(resources.pods, tables.workloads, decodePod),
  builtIn(resources.nodes, tables.nodes, decodeNode, byName),
  builtIn(
    resources.namespaces,
    tables.namespaces,
    (object) => ({ name: object.metadata.name, labels: object.metadata.labels ?? {} }),
    byName,
  ),
  builtIn<KubeSecret, unknown>(resources.secrets, tables.secrets, decodeSecret),
  ...ingestedKinds.map(configuration),
];
