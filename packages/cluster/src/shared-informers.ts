import type { Clock, Logger } from '@lateen/core';
import {
  controllerOf,
  informer,
  resources,
  serviceNameLabel,
  type ConfigMap,
  type Deployment,
  type EndpointSlice,
  type Endpoints,
  type IndexFunction,
  type Informer,
  type KubeClient,
  type KubeObject,
  type Namespace,
  type Node,
  type Pod,
  type ReplicaSet,
  type Resource,
  type Service,
  type ServiceAccount,
} from '@lateen/kube';

/** One local copy of each resource for all parts of the cluster process. */
export interface SharedInformers {
  readonly namespaces: Informer<Namespace>;
  readonly nodes: Informer<Node>;
  /** Index `owner`: uid of the controller. */
  readonly pods: Informer<Pod>;
  readonly services: Informer<Service>;
  readonly endpoints: Informer<Endpoints>;
  /** Index `service`: `namespace/name` of the service. */
  readonly endpointSlices: Informer<EndpointSlice>;
  readonly serviceAccounts: Informer<ServiceAccount>;
  readonly configMaps: Informer<ConfigMap>;
  readonly deployments: Informer<Deployment>;
  /** Index `owner`: uid of the controller. */
  readonly replicaSets: Informer<ReplicaSet>;
  /** The copy of any other resource; started when it is first asked for. */
  of(resource: Resource): Informer<KubeObject>;
  /** Ends the copy of a resource that is no longer served. */
  drop(resource: Resource): void;
  /** Resolves when all that were started so far have their first list. */
  synced(): Promise<void>;
  close(): Promise<void>;
}

export interface SharedInformersOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

const byOwner = (object: KubeObject): readonly string[] => {
  const owner = controllerOf(object);
  return owner === undefined ? [] : [owner.uid];
};

const byService = (slice: KubeObject): readonly string[] => {
  const name = slice.metadata.labels?.[serviceNameLabel];
  return name === undefined ? [] : [`${slice.metadata.namespace}/${name}`];
};

function keyOf(resource: Resource): string {
  return `${resource.plural}.${resource.group}`;
}

export function sharedInformers(options: SharedInformersOptions): SharedInformers {
  const { client, clock } = options;
  const logger = options.logger.scope('informer');
  const all = new Map<string, Informer<KubeObject>>();

  const start = <T extends KubeObject>(
    resource: Resource,
    indexes: Readonly<Record<string, IndexFunction<T>>> = {},
  ): Informer<T> => {
    const made = informer<T>({ client, resource, clock, logger, indexes });
    all.set(keyOf(resource), made);
    return made;
  };

  return {
    namespaces: start<Namespace>(resources.namespaces),
    nodes: start<Node>(resources.nodes),
    pods: start<Pod>(resources.pods, { owner: byOwner }),
    services: start<Service>(resources.services),
    endpoints: start<Endpoints>(resources.endpoints),
    endpointSlices: start<EndpointSlice>(resources.endpointSlices, { service: byService }),
    serviceAccounts: start<ServiceAccount>(resources.serviceAccounts),
    configMaps: start<ConfigMap>(resources.configMaps),
    deployments: start<Deployment>(resources.deployments),
    replicaSets: start<ReplicaSet>(resources.replicaSets, { owner: byOwner }),
    of: (resource) => all.get(keyOf(resource)) ?? start<KubeObject>(resource),
    drop(resource) {
      void all.get(keyOf(resource))?.close();
      all.delete(keyOf(resource));
    },
    async synced() {
      await Promise.all([...all.values()].map((each) => each.synced));
    },
    async close() {
      await Promise.all([...all.values()].map((each) => each.close()));
    },
  };
}
