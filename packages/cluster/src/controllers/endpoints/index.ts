import {
  WorkQueue,
  controllerReference,
  hasLabels,
  isStatus,
  resources,
  type Change,
  type EndpointSlice,
  type Endpoints,
  type Pod,
  type Service,
  type SliceEndpoint,
} from '@lateen/kube';
import { queueKey, splitQueueKey, type Controller, type ControllerContext } from '../controller.ts';
import { sameValue } from '../deep-equal.ts';
import { endpointSubsets, endpointsPort } from './endpoint-subsets.ts';
import { mirroredGroups } from './mirrored-endpoints.ts';
import { podEndpoint, type PodEndpoint } from './pod-endpoints.ts';
import type { SliceGroup } from './slice-plan.ts';
import { deleteSlices, managedByLabel, writeSlices } from './slice-writer.ts';

const sliceController = 'endpointslice-controller.k8s.io';
const mirrorController = 'endpointslicemirroring-controller.k8s.io';
const headlessLabel = 'service.kubernetes.io/headless';

/**
 * Says for each service which pods answer for it, as Endpoints and as EndpointSlices. For services without a
 * selector it copies into slices the Endpoints that somebody else wrote.
 */
export function endpointsController(context: ControllerContext): Controller {
  const { client, informers, clock, ready } = context;
  const logger = context.logger.scope('endpoints');
  // Slices that were made and that the informer does not show yet: they would be made twice.
  const justCreated = new Map<string, EndpointSlice>();

  const slicesOf = (key: string, managedBy: string): EndpointSlice[] => {
    const [namespace, service] = splitQueueKey(key);
    const seen = informers.endpointSlices.byIndex('service', key);
    const unseen = [...justCreated.values()].filter(
      (slice) => slice.metadata.namespace === namespace && belongsTo(slice, service),
    );
    return [...seen, ...unseen].filter((slice) => slice.metadata.labels?.[managedByLabel] === managedBy);
  };

  const sync = async (key: string): Promise<void> => {
    const [namespace, name] = splitQueueKey(key);
    const service = informers.services.get(namespace, name);
    const own = slicesOf(key, sliceController);
    const mirrored = slicesOf(key, mirrorController);
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) {
      if (service === undefined) await deleteEndpoints(namespace, name);
      await deleteSlices(client, [...own, ...mirrored]);
      return;
    }
    if (service.spec.type === 'ExternalName') {
      await deleteEndpoints(namespace, name);
      await deleteSlices(client, [...own, ...mirrored]);
    } else if (service.spec.selector === undefined || Object.keys(service.spec.selector).length === 0) {
      await deleteSlices(client, own);
      await mirror(service, mirrored);
    } else {
      await deleteSlices(client, mirrored);
      await publish(service, own);
    }
  };

  const publish = async (service: Service, slices: readonly EndpointSlice[]): Promise<void> => {
    const { namespace = '', name } = service.metadata;
    const selector = service.spec.selector ?? {};
    const endpoints: PodEndpoint[] = [];
    for (const pod of informers.pods.list(namespace)) {
      if (!hasLabels(pod.metadata.labels, selector)) continue;
      const endpoint = podEndpoint(service, pod);
      if (endpoint !== undefined) endpoints.push(endpoint);
    }
    const headless = service.spec.clusterIP === 'None';
    const labels = {
      ...service.metadata.labels,
      ...(headless ? { [headlessLabel]: '' } : {}),
    };
    const created = await writeSlices(
      client,
      {
        namespace,
        prefix: name,
        serviceName: name,
        managedBy: sliceController,
        labels,
        reference: controllerReference(resources.services, service),
      },
      groupsOf(endpoints),
      slices,
    );
    remember(created);
    await writeEndpoints(service, endpoints, labels);
  };

  const writeEndpoints = async (
    service: Service,
    endpoints: readonly PodEndpoint[],
    labels: Record<string, string>,
  ): Promise<void> => {
    const { namespace = '', name } = service.metadata;
    const subsets = endpointSubsets(endpoints, service.spec.publishNotReadyAddresses === true);
    const before = informers.endpoints.get(namespace, name);
    const metadata = { name, namespace, labels };
    if (before === undefined) {
      await client.create<Endpoints>(resources.endpoints, {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata,
        subsets,
      });
    } else if (!sameValue(before.subsets, subsets) || !sameValue(before.metadata.labels, labels)) {
      await client.update<Endpoints>(resources.endpoints, {
        ...before,
        metadata: { ...before.metadata, labels },
        subsets,
      });
    }
  };

  const mirror = async (service: Service, slices: readonly EndpointSlice[]): Promise<void> => {
    const { namespace = '', name } = service.metadata;
    const endpoints = informers.endpoints.get(namespace, name);
    const skipped = endpoints?.metadata.labels?.['endpointslice.kubernetes.io/skip-mirror'] === 'true';
    // Whoever keeps slices of its own for the service (the API server for `kubernetes`) needs no copies.
    const others = informers.endpointSlices
      .byIndex('service', queueKey(service))
      .some((slice) => slice.metadata.labels?.[managedByLabel] !== mirrorController);
    if (endpoints === undefined || skipped || others) {
      await deleteSlices(client, slices);
      return;
    }
    const created = await writeSlices(
      client,
      {
        namespace,
        prefix: name,
        serviceName: name,
        managedBy: mirrorController,
        labels: endpoints.metadata.labels ?? {},
        reference: controllerReference(resources.endpoints, endpoints),
      },
      mirroredGroups(endpoints),
      slices,
    );
    remember(created);
  };

  const deleteEndpoints = async (namespace: string, name: string): Promise<void> => {
    if (informers.endpoints.get(namespace, name) === undefined) return;
    await client.delete(resources.endpoints, namespace, name).catch((error: unknown) => {
      if (!isStatus(error, 'NotFound')) throw error;
    });
  };

  const remember = (slices: readonly EndpointSlice[]): void => {
    for (const slice of slices) {
      const { namespace, name } = slice.metadata;
      if (informers.endpointSlices.get(namespace, name) === undefined)
        justCreated.set(queueKey(slice), slice);
    }
  };

  const syncOrForget = async (key: string): Promise<void> => {
    try {
      await sync(key);
    } catch (error) {
      // A slice that was made here and that somebody deleted before the informer showed it.
      if (isStatus(error, 'NotFound')) justCreated.clear();
      throw error;
    }
  };

  const queue = new WorkQueue({
    clock,
    logger,
    ready,
    work: syncOrForget,
    backoff: { baseMs: 5, maxMs: 5_000 },
  });
  const onPod = (change: Change<Pod>): void => {
    const pod = change.object;
    for (const service of informers.services.list(pod.metadata.namespace)) {
      const { selector } = service.spec;
      if (selector === undefined || Object.keys(selector).length === 0) continue;
      const now = hasLabels(pod.metadata.labels, selector);
      const before = change.type === 'changed' && hasLabels(change.previous.metadata.labels, selector);
      if (now || before) queue.add(queueKey(service));
    }
  };
  const unsubscribe = [
    informers.services.subscribe(({ object }) => queue.add(queueKey(object))),
    informers.pods.subscribe(onPod),
    informers.endpoints.subscribe(({ object }) => queue.add(queueKey(object))),
    informers.endpointSlices.subscribe(({ object: slice }) => {
      justCreated.delete(queueKey(slice));
      const service = slice.metadata.labels?.['kubernetes.io/service-name'];
      if (service !== undefined) queue.add(`${slice.metadata.namespace}/${service}`);
    }),
  ];
  return {
    async close() {
      for (const end of unsubscribe) end();
      await queue.close();
    },
  };
}

function belongsTo(slice: EndpointSlice, service: string): boolean {
  return slice.metadata.labels?.['kubernetes.io/service-name'] === service;
}

/** Groups of endpoints with the same ports, in a stable order. */
function groupsOf(endpoints: readonly PodEndpoint[]): SliceGroup[] {
  const groups = new Map<string, { ports: SliceGroup['ports']; endpoints: SliceEndpoint[] }>();
  for (const endpoint of endpoints) {
    const ports = endpoint.ports.map((port) => ({ ...endpointsPort(port), name: port.name }));
    const key = JSON.stringify(ports);
    const group = groups.get(key);
    const sliceEndpoint: SliceEndpoint = {
      addresses: [endpoint.ip],
      conditions: {
        ready: endpoint.ready,
        serving: endpoint.serving,
        terminating: endpoint.terminating,
      },
      ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
      ...(endpoint.nodeName === undefined ? {} : { nodeName: endpoint.nodeName }),
      targetRef: endpoint.targetRef,
    };
    if (group === undefined) groups.set(key, { ports, endpoints: [sliceEndpoint] });
    else group.endpoints.push(sliceEndpoint);
  }
  return [...groups.keys()].sort().map((key) => groups.get(key) ?? { ports: [], endpoints: [] });
}
