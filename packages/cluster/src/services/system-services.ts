import { messageOf, type Clock, type Logger } from '@lateen/core';
import {
  WorkQueue,
  isStatus,
  resources,
  type Endpoints,
  type KubeClient,
  type KubeObject,
  type Resource,
  type Service,
  type ServicePort,
} from '@lateen/kube';
import { sameValue } from '../controllers/deep-equal.ts';
import type { SharedInformers } from '../shared-informers.ts';

/** An address and port of this process, in the cluster's network namespace. */
export interface SystemAddress {
  readonly address: string;
  readonly port: number;
}

export interface SystemServicesOptions {
  readonly client: KubeClient;
  readonly informers: SharedInformers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the API server answers inside the cluster. */
  readonly apiServer: SystemAddress;
  /** Where the DNS server answers inside the cluster. */
  readonly dns: SystemAddress;
  /** Default 10.96.0.1. */
  readonly kubernetesIP?: string;
  /** Default 10.96.0.10. */
  readonly dnsIP?: string;
}

interface SystemService {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIP: string;
  readonly labels: Record<string, string>;
  readonly ports: ServicePort[];
  readonly address: SystemAddress;
}

/** Keeps the services `kubernetes` and `kube-dns`, whose endpoints are this process. */
export function startSystemServices(options: SystemServicesOptions): { close(): Promise<void> } {
  const { client, informers, clock } = options;
  const logger = options.logger.scope('system-services');
  const all = new Map(systemServices(options).map((each) => [`${each.namespace}/${each.name}`, each]));

  const sync = async (key: string): Promise<void> => {
    const wanted = all.get(key);
    if (wanted === undefined) return;
    if (informers.namespaces.get(undefined, wanted.namespace) === undefined) return;
    const { namespace, name, clusterIP, labels, ports } = wanted;
    if (informers.services.get(namespace, name) === undefined) {
      await createMissing(resources.services, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { namespace, name, labels },
        spec: { type: 'ClusterIP', clusterIP, ports },
      } satisfies Service);
    }
    const { address, port } = wanted.address;
    const subsets = [
      {
        addresses: [{ ip: address }],
        ports: ports.map((each) => ({ name: each.name ?? '', port, protocol: each.protocol ?? 'TCP' })),
      },
    ];
    const present = informers.endpoints.get(namespace, name);
    if (present === undefined) {
      await createMissing(resources.endpoints, {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { namespace, name, labels },
        subsets,
      } satisfies Endpoints);
    } else if (!sameValue(present.subsets, subsets)) {
      await client.update<Endpoints>(resources.endpoints, { ...present, subsets });
    }
  };

  const createMissing = async (resource: Resource, object: KubeObject): Promise<void> => {
    try {
      await client.create(resource, object);
    } catch (error) {
      if (isStatus(error, 'AlreadyExists')) return;
      logger.debug('not yet', { object: object.metadata.name, error: messageOf(error) });
      throw error;
    }
  };

  const ready = Promise.all([
    informers.namespaces.synced,
    informers.services.synced,
    informers.endpoints.synced,
  ]);
  const queue = new WorkQueue({ clock, logger, ready, work: sync, backoff: { baseMs: 5, maxMs: 5_000 } });
  const onObject = ({ object }: { readonly object: KubeObject }): void => {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    if (all.has(key)) queue.add(key);
  };
  const unsubscribe = [
    informers.namespaces.subscribe(({ object }) => {
      for (const [key, each] of all) if (each.namespace === object.metadata.name) queue.add(key);
    }),
    informers.services.subscribe(onObject),
    informers.endpoints.subscribe(onObject),
  ];
  return {
    async close() {
      for (const end of unsubscribe) end();
      await queue.close();
    },
  };
}

function systemServices(options: SystemServicesOptions): SystemService[] {
  return [
    {
      namespace: 'default',
      name: 'kubernetes',
      clusterIP: options.kubernetesIP ?? '10.96.0.1',
      labels: { component: 'apiserver', provider: 'kubernetes' },
      ports: [{ name: 'https', port: 443, targetPort: options.apiServer.port, protocol: 'TCP' }],
      address: options.apiServer,
    },
    {
      namespace: 'kube-system',
      name: 'kube-dns',
      clusterIP: options.dnsIP ?? '10.96.0.10',
      labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/name': 'CoreDNS' },
      ports: [
        { name: 'dns', port: 53, targetPort: options.dns.port, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, targetPort: options.dns.port, protocol: 'TCP' },
      ],
      address: options.dns,
    },
  ];
}
