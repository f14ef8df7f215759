import { ClusterLoadAssignment, type LocalityLbEndpoints } from '@lateen/protocol/envoy/config/endpoint/v3';
import type { Locality } from '@lateen/protocol/envoy/config/core/v3';
import { query } from '../../engine/query.ts';
import { endpointsOf, type Endpoint } from '../../model/endpoints.ts';
import { selects, type Labels } from '../../model/labels.ts';
import { modeOfPort, mutualTlsModes } from '../../model/mutual-tls.ts';
import { service, serviceSeenFrom } from '../../model/registry.ts';
import type { Scope } from '../../model/scope.ts';
import { scopeText } from '../../model/scope.ts';
import { serviceId, type ServicePort } from '../../model/service.ts';
import { destinationPolicy } from '../../model/traffic-rules.ts';
import { socketAddress } from '../address.ts';
import { outboundClusterName, parseClusterName } from '../cluster-name.ts';
import { istioMetadata } from '../istio-metadata.ts';
import { encodeResource, sameResource, type EncodedResource } from '../resource.ts';

/** Istio's five facts of a workload, as its telemetry reads them: name, namespace, canonical name and revision, cluster. */
function workloadFacts(endpoint: Endpoint): string {
  const canonical =
    endpoint.labels['service.istio.io/canonical-name'] ??
    endpoint.labels['app.kubernetes.io/name'] ??
    endpoint.labels['app'] ??
    endpoint.workload;
  const revision =
    endpoint.labels['service.istio.io/canonical-revision'] ??
    endpoint.labels['app.kubernetes.io/version'] ??
    endpoint.labels['version'] ??
    'latest';
  return [endpoint.workload, endpoint.namespace, canonical, revision, 'Kubernetes'].join(';');
}

function localityOf(locality: string): Locality {
  const [region = '', zone = '', subZone = ''] = locality.split('/');
  return {
    ...(region === '' ? {} : { region }),
    ...(zone === '' ? {} : { zone }),
    ...(subZone === '' ? {} : { subZone }),
  };
}

/** Groups the ready endpoints of a port by locality. */
function localities(
  endpoints: readonly Endpoint[],
  portName: string,
  takesTls: (endpoint: Endpoint, port: number) => boolean,
): LocalityLbEndpoints[] {
  const groups = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) {
    if (endpoint.readiness !== 'ready' || endpoint.ports[portName] === undefined || endpoint.weight === 0)
      continue;
    const group = groups.get(endpoint.locality);
    if (group === undefined) groups.set(endpoint.locality, [endpoint]);
    else group.push(endpoint);
  }
  return [...groups.keys()].sort().map((name) => {
    const group = groups.get(name) ?? [];
    return {
      locality: localityOf(name),
      lbEndpoints: group.map((endpoint) => {
        const port = endpoint.ports[portName] ?? 0;
        const address = endpoint.address.startsWith('unix:')
          ? { pipe: { path: endpoint.address.replace(/^unix:(\/\/)?/, '') } }
          : socketAddress(endpoint.address, port);
        const metadata = istioMetadata({ workload: workloadFacts(endpoint) });
        return {
          endpoint: { address },
          metadata: takesTls(endpoint, port)
            ? {
                filterMetadata: {
                  ...metadata.filterMetadata,
                  'envoy.transport_socket_match': { tlsMode: 'istio' },
                },
              }
            : metadata,
          loadBalancingWeight: endpoint.weight,
        };
      }),
      loadBalancingWeight: group.reduce((sum, endpoint) => sum + endpoint.weight, 0),
    };
  });
}

/** The endpoints of a cluster that the proxy resolves itself, as part of the cluster. */
export function dnsLoadAssignment(
  clusterName: string,
  port: ServicePort,
  endpoints: readonly Endpoint[],
): ClusterLoadAssignment {
  return { clusterName, endpoints: localities(endpoints, port.name, (endpoint) => endpoint.mutualTls) };
}

/** The endpoints of one port of a service that have some labels; the same for all clients that ask so. */
const loadAssignment = query(
  'endpoints.assignment',
  (
    view,
    key: {
      readonly serviceId: string;
      readonly port: number;
      readonly subset: string;
      readonly labels: Labels;
    },
  ): EncodedResource | undefined => {
    const found = view.get(service, key.serviceId);
    const port = found?.ports.find((entry) => entry.port === key.port);
    if (found === undefined || port === undefined) return undefined;
    const name = outboundClusterName(found.hostname, key.port, key.subset);
    const chosen = view
      .get(endpointsOf, key.serviceId)
      .filter((endpoint) => selects(key.labels, endpoint.labels));
    const takesTls = (endpoint: Endpoint, target: number): boolean =>
      endpoint.mutualTls &&
      modeOfPort(mutualTlsModes(view, endpoint.namespace, endpoint.labels), target) !== 'DISABLE';
    return encodeResource(ClusterLoadAssignment, name, {
      clusterName: name,
      endpoints: localities(chosen, port.name, takesTls),
    });
  },
  { equal: sameResource },
);

/** The endpoints of a cluster by its name, as a scope sees it; undefined where there is no such cluster. */
export const endpointResource = query(
  'endpoints.resource',
  (view, key: { readonly scope: Scope; readonly name: string }): EncodedResource | undefined => {
    const parsed = parseClusterName(key.name);
    if (parsed === undefined || parsed.direction !== 'outbound') return undefined;
    const { hostname, port, subset } = parsed;
    const found = view.get(serviceSeenFrom, { namespace: key.scope.namespace, hostname });
    if (found === undefined) return undefined;
    let labels: Labels = {};
    if (subset !== '') {
      const policy = view.get(destinationPolicy, {
        scope: key.scope,
        serviceNamespace: found.namespace,
        hostname,
      });
      const chosen = policy?.subsets.find((entry) => entry.name === subset);
      if (chosen === undefined) return undefined;
      labels = chosen.labels ?? {};
    }
    return view.get(loadAssignment, { serviceId: serviceId(found), port, subset, labels });
  },
  { keyText: (key) => `${scopeText(key.scope)} ${key.name}`, equal: sameResource },
);
