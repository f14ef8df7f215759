import { formatProblem, type Clock, type Logger } from '@lateen/core';
import {
  informer,
  resources,
  type Change as ObjectChange,
  type Informer,
  type KubeClient,
  type KubeObject,
} from '@lateen/kube';
import { put, type Change } from '../../engine/state.ts';
import { defaultMeshSettings, type MeshSettings } from '../../model/mesh-settings.ts';
import * as tables from '../../model/tables.ts';
import { batch } from '../batch.ts';
import { Quarantine } from '../quarantine.ts';
import type { KubeConfigMap } from './core-objects.ts';
import { ingestedResources, type IngestedResource } from './kinds.ts';
import { decodeMeshSettings } from './mesh-settings.ts';

export interface KubernetesIngestOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Namespace of the control plane, with ConfigMap `istio`. */
  readonly rootNamespace: string;
  /** Which ports get filters for their protocol; default as in Istio. */
  readonly filters?: Pick<MeshSettings, 'mongoFilter' | 'redisFilter'>;
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
  const { client, clock, rootNamespace, domain } = options;
  const logger = options.logger.scope('ingest');
  const quarantine = new Quarantine();
  const pending = batch({ clock, apply: options.apply });
  // What the mesh configuration does not say.
  const own = { domain, ...options.filters };
  let mesh: MeshSettings = { ...defaultMeshSettings, rootNamespace, ...own };

  const followed = ingestedResources.map((kind) => ({
    kind,
    informer: informer<KubeObject>({ client, resource: kind.resource, clock, logger }),
  }));
  const { revision = 'default' } = options;
  const meshMapName = revision === 'default' ? 'istio' : `istio-${revision}`;
  const meshMap = informer<KubeConfigMap>({
    client,
    resource: resources.configMaps,
    selection: { namespace: rootNamespace, fieldSelector: `metadata.name=${meshMapName}` },
    clock,
    logger,
  });
  const all: readonly Pick<Informer<KubeObject>, 'synced' | 'close'>[] = [
    ...followed.map((entry) => entry.informer),
    meshMap,
  ];

  /** Objects of which some version was good. */
  const good = new Set<string>();
  const take = (kind: IngestedResource, object: KubeObject): void => {
    const { namespace = '', name, generation } = object.metadata;
    const place = { kind: kind.resource.kind, namespace, name };
    const id = `${place.kind}/${namespace}/${name}`;
    const decoded = kind.decode(object, mesh);
    if (decoded.ok) {
      quarantine.clear(place);
      good.add(id);
      pending.add([decoded.value]);
      return;
    }
    const lastGoodInForce = good.has(id);
    quarantine.set({ ...place, problems: decoded.problems, lastGoodInForce, generation });
    const effect = lastGoodInForce ? 'its last good version stays in force' : 'it has no effect';
    logger.warn(`${place.kind} ${namespace}/${name} is wrong and was set aside; ${effect}`, {
      problems: decoded.problems.map(formatProblem).join('; '),
    });
  };
  const drop = (kind: IngestedResource, object: KubeObject): void => {
    const { namespace = '', name } = object.metadata;
    quarantine.clear({ kind: kind.resource.kind, namespace, name });
    good.delete(`${kind.resource.kind}/${namespace}/${name}`);
    pending.add([kind.gone(object, mesh)]);
  };

  const readMesh = (object: KubeConfigMap | undefined): void => {
    const decoded = decodeMeshSettings(object?.data?.['mesh'] ?? '');
    if (decoded.ok) {
      mesh = { ...decoded.value, ...own };
      pending.add([put(tables.settings, tables.settingsKey, mesh)]);
      return;
    }
    logger.warn('the mesh configuration is wrong; the last good one stays in force', {
      problems: decoded.problems.map(formatProblem).join('; '),
    });
  };
  const onMeshChange = (change: ObjectChange<KubeConfigMap>): void => {
    readMesh(change.type === 'deleted' ? undefined : change.object);
    // Rows hold defaults of the mesh.
    for (const entry of followed) for (const object of entry.informer.list()) take(entry.kind, object);
  };

  const start = async (): Promise<void> => {
    await Promise.all(all.map((informed) => informed.synced));
    readMesh(meshMap.get(rootNamespace, meshMapName));
    for (const entry of followed) {
      entry.informer.subscribe((change) => {
        if (change.type === 'deleted') drop(entry.kind, change.object);
        else take(entry.kind, change.object);
      });
    }
    pending.flush();
    let replayed = true;
    meshMap.subscribe((change) => {
      if (!replayed) onMeshChange(change);
    });
    replayed = false;
  };

  return {
    synced: start(),
    quarantine,
    counts: () =>
      Object.fromEntries(followed.map(({ kind, informer }) => [kind.resource.kind, informer.list().length])),
    async close() {
      pending.close();
      await Promise.all(all.map((informed) => informed.close()));
    },
  };
}
