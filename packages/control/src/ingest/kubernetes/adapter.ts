import { decodeConfig } from '@lateen/config';
import { formatProblem, type Clock, type Logger } from '@lateen/core';
import {
  informer,
  resources,
  type Change as ObjectChange,
  type Informer,
  type KubeClient,
  type KubeObject,
  type Resource,
  type Selection,
} from '@lateen/kube';
import { put, remove, type Change, type Table } from '../../engine/state.ts';
import { defaultMeshSettings, type MeshSettings } from '../../model/mesh-settings.ts';
import * as tables from '../../model/tables.ts';
import { batch } from '../batch.ts';
import { Quarantine } from '../quarantine.ts';
import {
  configChange,
  ingestedKinds,
  resourceOfKind,
  tableOfKind,
  type IngestedConfig,
  type IngestedKind,
} from './config.ts';
import type { KubeConfigMap, KubeEndpointSlice, KubePod, KubeService } from './core-objects.ts';
import { decodeMeshSettings } from './mesh-settings.ts';
import { decodeService } from './service.ts';
import { decodeEndpointSlice, decodeNode, decodePod } from './workload.ts';

export interface KubernetesIngestOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Namespace of the control plane, with ConfigMap `istio`. */
  readonly rootNamespace: string;
  /** Of several control planes in a cluster, which one this is; default `default`. */
  readonly revision?: string;
  readonly domain: string;
  /** Takes each batch of changes; called once with all that is there, before `synced` resolves. */
  readonly apply: (changes: readonly Change[]) => void;
}

/** Follows a Kubernetes API server and turns its objects into rows of the mesh. */
export interface KubernetesIngest {
  /** Resolves when everything that is there has been applied. */
  readonly synced: Promise<void>;
  readonly quarantine: Quarantine;
  /** Number of objects that are followed, by kind. */
  counts(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/** Starts to follow an API server. Nothing is applied until all kinds have been listed once. */
export function kubernetesIngest(options: KubernetesIngestOptions): KubernetesIngest {
  const logger = options.logger.scope('ingest');
  const quarantine = new Quarantine();
  const pending = batch({ clock: options.clock, apply: options.apply });
  let mesh: MeshSettings = {
    ...defaultMeshSettings,
    rootNamespace: options.rootNamespace,
    domain: options.domain,
  };
  const informers: Informer<KubeObject>[] = [];

  const follow = <T extends KubeObject>(resource: Resource, selection?: Selection): Informer<T> => {
    const followed = informer<T>({
      client: options.client,
      resource,
      clock: options.clock,
      logger,
      ...(selection === undefined ? {} : { selection }),
    });
    informers.push(followed);
    return followed;
  };

  /** Rows that depend on one object and the mesh's settings alone. */
  const rowsOf = <T extends KubeObject, Row>(
    followed: Informer<T>,
    into: Table<Row>,
    decode: (object: T) => Row | undefined,
    keyOf: (object: T) => string = objectKey,
  ): (() => void) => {
    const onChange = (change: ObjectChange<T>): void => {
      const row = change.type === 'deleted' ? undefined : decode(change.object);
      const key = keyOf(change.object);
      pending.add([row === undefined ? remove(into, key) : put(into, key, row)]);
    };
    return () => void followed.subscribe(onChange);
  };

  const services = follow<KubeService>(resources.services);
  const serviceKey = (object: KubeService): string =>
    `${object.metadata.namespace ?? 'default'}/${decodeService(object, mesh).hostname}`;
  const starts = [
    rowsOf(services, tables.services, (object) => decodeService(object, mesh), serviceKey),
    rowsOf(follow<KubeEndpointSlice>(resources.endpointSlices), tables.slices, decodeEndpointSlice),
    rowsOf(follow<KubePod>(resources.pods), tables.workloads, decodePod),
    rowsOf(follow(resources.nodes), tables.nodes, decodeNode, (object) => object.metadata.name),
    rowsOf(
      follow(resources.namespaces),
      tables.namespaces,
      (object) => ({ name: object.metadata.name, labels: object.metadata.labels ?? {} }),
      (object) => object.metadata.name,
    ),
  ];

  /** Objects of which some version was good. */
  const good = new Set<string>();
  const ingestConfig = (kind: IngestedKind, object: KubeObject): void => {
    const { namespace = 'default', name, generation } = object.metadata;
    const decoded = decodeConfig(object);
    if (decoded.ok) {
      quarantine.clear({ kind, namespace, name });
      good.add(`${kind}/${namespace}/${name}`);
      pending.add([configChange(decoded.value as IngestedConfig, mesh)]);
      return;
    }
    const known = good.has(`${kind}/${namespace}/${name}`);
    quarantine.set({
      kind,
      namespace,
      name,
      problems: decoded.problems,
      lastGoodInForce: known,
      generation,
    });
    logger.warn(
      `${kind} ${namespace}/${name} is wrong and was set aside; ${known ? 'its last good version stays in force' : 'it has no effect'}`,
      { problems: decoded.problems.map(formatProblem).join('; ') },
    );
  };
  for (const kind of ingestedKinds) {
    const followed = follow(resourceOfKind(kind));
    starts.push(
      () =>
        void followed.subscribe((change) => {
          const key = objectKey(change.object);
          if (change.type === 'deleted') {
            const { namespace = 'default', name } = change.object.metadata;
            quarantine.clear({ kind, namespace, name });
            good.delete(`${kind}/${key}`);
            pending.add([remove(tableOfKind[kind] as Table<unknown>, key)]);
            return;
          }
          ingestConfig(kind, change.object);
        }),
    );
  }

  const meshMapName =
    options.revision === undefined || options.revision === 'default' ? 'istio' : `istio-${options.revision}`;
  const meshMap = follow<KubeConfigMap>(resources.configMaps, {
    namespace: options.rootNamespace,
    fieldSelector: `metadata.name=${meshMapName}`,
  });
  const readMesh = (object: KubeConfigMap | undefined): void => {
    const text = object?.data?.['mesh'] ?? '';
    const decoded = decodeMeshSettings(text);
    if (!decoded.ok) {
      logger.warn('the mesh configuration is wrong; the last good one stays in force', {
        problems: decoded.problems.map(formatProblem).join('; '),
      });
      return;
    }
    mesh = { ...decoded.value, domain: options.domain };
    pending.add([put(tables.settings, tables.settingsKey, mesh)]);
  };

  const start = async (): Promise<void> => {
    await Promise.all(informers.map((followed) => followed.synced));
    readMesh(meshMap.get(options.rootNamespace, meshMapName));
    for (const begin of starts) begin();
    pending.flush();
    meshMap.subscribe((change) => {
      readMesh(change.type === 'deleted' ? undefined : change.object);
      // Rows carry defaults of the mesh.
      for (const object of services.list()) {
        pending.add([put(tables.services, serviceKey(object), decodeService(object, mesh))]);
      }
    });
  };

  return {
    synced: start(),
    quarantine,
    counts: () =>
      Object.fromEntries(informers.map((followed) => [followed.resource.kind, followed.list().length])),
    async close() {
      pending.close();
      await Promise.all(informers.map((followed) => followed.close()));
    },
  };
}

function objectKey(object: KubeObject): string {
  return `${object.metadata.namespace ?? 'default'}/${object.metadata.name}`;
}
