import {
  WorkQueue,
  eventRecorder,
  isStatus,
  resources,
  type KubeClient,
  type Service,
  type WorkResult,
} from '@lateen/kube';
import type { Clock, Logger } from '@lateen/core';
import type { HostPorts } from '../host/host-ports.ts';
import type { SharedInformers } from '../shared-informers.ts';
import { AddressBook } from './address-book.ts';
import { forwardConnections, type HostForward } from './host-forward.ts';

/** Which ports of the host stand for which ports of the service, as JSON; only those that differ. */
export const hostPortsAnnotation = 'lateen.dev/host-ports';

/** Where a user may not have ports under 1024, they are found this much higher. */
const unprivilegedOffset = 8000;

export interface PublisherOptions {
  readonly client: KubeClient;
  readonly informers: SharedInformers;
  readonly hostPorts: HostPorts;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Publisher {
  close(): Promise<void>;
}

interface Published {
  readonly forward: HostForward;
  readonly hostPort: number;
  target: { host: string; port: number };
}

/** One port of a service that is wanted on the host. */
interface Wanted {
  readonly address: string;
  /** The port to listen at. */
  readonly port: number;
  readonly target: { readonly host: string; readonly port: number };
  /** The service's own port, where it is a load balancer's. */
  readonly servicePort: number | undefined;
}

/**
 * Makes services reachable from the host: each LoadBalancer at a loopback address of its own, NodePorts at the
 * node's. A load balancer's address is written into its status once its ports answer, and found there again
 * after a restart.
 */
export function startPublisher(options: PublisherOptions): Publisher {
  const { client, informers, hostPorts, clock } = options;
  const logger = options.logger.scope('publish');
  const events = eventRecorder({ client, component: 'service-controller', clock, logger });
  const block = hostPorts.addressBlock;
  const addresses = new AddressBook(block.loadBalancerAddresses);
  const published = new Map<string, Map<string, Published>>();

  const sync = async (key: string): Promise<WorkResult | void> => {
    const [namespace, name] = key.split('/') as [string, string];
    const service = informers.services.get(namespace, name);
    const isBalancer =
      service?.spec.type === 'LoadBalancer' && service.metadata.deletionTimestamp === undefined;
    let address: string | undefined;
    if (isBalancer) {
      address = addresses.take(key, [service.spec.loadBalancerIP, currentAddress(service)]);
      if (address === undefined) {
        events.record(
          service,
          'Warning',
          'SyncLoadBalancerFailed',
          'every address for load balancers is in use',
        );
      }
    } else {
      addresses.release(key);
    }
    const wanted = service === undefined ? [] : wantedPorts(service, address);
    const { failures, hostPortOf } = await listen(key, wanted);
    if (service === undefined) return;
    for (const failure of failures) events.record(service, 'Warning', 'HostPortUnavailable', failure);
    const answers = wanted.every(
      ({ servicePort }) => servicePort === undefined || hostPortOf.has(servicePort),
    );
    await record(service, answers ? address : undefined, hostPortOf);
    return failures.length > 0 ? { againMs: 5_000 } : undefined;
  };

  const wantedPorts = (service: Service, address: string | undefined): Wanted[] => {
    const wanted: Wanted[] = [];
    const { clusterIP = '', type, ports = [] } = service.spec;
    if (type !== 'LoadBalancer' && type !== 'NodePort') return wanted;
    for (const { port, nodePort, protocol = 'TCP' } of ports) {
      if (protocol !== 'TCP') continue;
      const target = { host: clusterIP, port };
      if (address !== undefined) wanted.push({ address, port, target, servicePort: port });
      if (nodePort !== undefined && nodePort !== 0) {
        wanted.push({ address: block.nodeAddress, port: nodePort, target, servicePort: undefined });
      }
    }
    return wanted;
  };

  const listen = async (
    key: string,
    wanted: readonly Wanted[],
  ): Promise<{ failures: string[]; hostPortOf: Map<number, number> }> => {
    const before = published.get(key) ?? new Map<string, Published>();
    const after = new Map<string, Published>();
    const failures: string[] = [];
    const hostPortOf = new Map<number, number>();
    const names = new Set(wanted.map(({ address, port }) => `${address}:${port}`));
    for (const [name, { forward }] of before) if (!names.has(name)) forward.close();
    const refused: { readonly wish: Wanted; readonly reason: string }[] = [];
    const keep = (wish: Wanted, entry: Published): void => {
      entry.target = wish.target;
      after.set(`${wish.address}:${wish.port}`, entry);
      if (wish.servicePort !== undefined) hostPortOf.set(wish.servicePort, entry.hostPort);
    };
    for (const wish of wanted) {
      const present = before.get(`${wish.address}:${wish.port}`) ?? (await open(wish.address, wish.port));
      if (typeof present === 'string') refused.push({ wish, reason: present });
      else keep(wish, present);
    }
    // Only after every port that can have its own number has it.
    for (const { wish, reason } of refused) {
      const moved = wish.servicePort === undefined ? reason : await openElsewhere(wish, reason);
      if (typeof moved !== 'string') keep(wish, moved);
      else failures.push(`cannot listen on ${wish.address}:${wish.port} of the host: ${moved}`);
    }
    if (after.size > 0) published.set(key, after);
    else published.delete(key);
    return { failures, hostPortOf };
  };

  const openElsewhere = async ({ address, port }: Wanted, reason: string): Promise<Published | string> => {
    for (const candidate of [port + unprivilegedOffset, 0]) {
      if (candidate > 65_535) continue;
      const entry = await open(address, candidate);
      if (typeof entry !== 'string') return entry;
    }
    return reason;
  };

  /** Listens on the host; returns the reason where that fails. */
  const open = async (address: string, port: number): Promise<Published | string> => {
    const result = await hostPorts.listen(address, port);
    if (!result.ok) return result.reason;
    const entry: Published = {
      target: { host: '', port: 0 },
      hostPort: result.port,
      forward: forwardConnections(result.server, () => entry.target, clock),
    };
    return entry;
  };

  const record = async (
    service: Service,
    address: string | undefined,
    hostPortOf: ReadonlyMap<number, number>,
  ): Promise<void> => {
    const { namespace, name } = service.metadata;
    const moved = Object.fromEntries([...hostPortOf].filter(([port, hostPort]) => port !== hostPort));
    const text = Object.keys(moved).length === 0 ? undefined : JSON.stringify(moved);
    try {
      if (service.metadata.annotations?.[hostPortsAnnotation] !== text) {
        const patch = { metadata: { annotations: { [hostPortsAnnotation]: text ?? null } } };
        await client.patch(resources.services, namespace, name, 'merge', patch);
      }
      if (currentAddress(service) !== address) {
        const ingress = address === undefined ? null : [{ ip: address }];
        const patch = { status: { loadBalancer: { ingress } } };
        await client.patch(resources.services, namespace, name, 'merge', patch, { subresource: 'status' });
        if (address !== undefined) {
          events.record(service, 'Normal', 'EnsuredLoadBalancer', `Ensured load balancer at ${address}`);
        }
      }
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
    }
  };

  const queue = new WorkQueue({
    clock,
    logger,
    ready: informers.services.synced.then(() => {
      // Those that have an address keep it, whoever comes first.
      for (const service of informers.services.list()) {
        const address = currentAddress(service);
        if (service.spec.type === 'LoadBalancer' && address !== undefined) {
          addresses.take(`${service.metadata.namespace}/${service.metadata.name}`, [address]);
        }
      }
    }),
    work: sync,
    backoff: { baseMs: 10, maxMs: 5_000 },
  });
  const unsubscribe = informers.services.subscribe(({ object }) => {
    queue.add(`${object.metadata.namespace}/${object.metadata.name}`);
  });
  return {
    async close() {
      unsubscribe();
      await queue.close();
      for (const ports of published.values()) for (const { forward } of ports.values()) forward.close();
      published.clear();
      await events.flush();
    },
  };
}

function currentAddress(service: Service): string | undefined {
  return service.status?.loadBalancer?.ingress?.[0]?.ip;
}
