import { ClusterLoadAssignment, type LocalityLbEndpoints } from '@lateen/protocol/envoy/config/endpoint/v3';
import type { Locality } from '@lateen/protocol/envoy/config/core/v3';
import { query } from '../../engine/query.ts';
import { endpointsOf, type Endpoint } from '../../model/endpoints.ts';
import { selects, type Labels } from '../../model/labels.ts';
import { localityParts } from '../../model/locality.ts';
import { modeOfPort, mutualTlsModes } from '../../model/mutual-tls.ts';
import { service, serviceSeenFrom } from '../../model/registry.ts';
import type { Scope } from '../../model/scope.ts';
import { scopeText } from '../../model/scope.ts';
import { serviceId, type ServicePort } from '../../model/service.ts';
import { destinationPolicy } from '../../model/traffic-rules.ts';
import { settingsOf } from '../../model/settings.ts';
import { socketAddress } from '../address.ts';
import { policyOfPort } from '../cluster/traffic-policy.ts';
import { outboundClusterName, parseClusterName } from '../cluster-name.ts';
import { groupEndpoints, preferenceOf, type LocalityPreference } from './endpoint-groups.ts';
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
  const [region, zone, subZone] = localityParts(locality);
  return {
    ...(region === '' ? {} : { region }),
    ...(zone === '' ? {} : { zone }),
    ...(subZone === '' ? {} : { subZone }),
  };
}

/** The ready endpoints of a port by locality, in the order in which a client prefers them. */
function localities(
  endpoints: readonly Endpoint[],
  portName: string,
  takesTls: (endpoint: Endpoint, port: number) => boolean,
  preference: LocalityPreference | undefined,
): LocalityLbEndpoints[] {
  const serving = endpoints.filter(
    ({ readiness, ports, weight }) => readiness === 'ready' && ports[portName] !== undefined && weight > 0,
  );
  return groupEndpoints(serving, preference).map((group) => ({
    locality: localityOf(group.locality),
    lbEndpoints: group.endpoints.map((endpoint) => {
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
    loadBalancingWeight: group.weight,
    ...(group.priority === 0 ? {} : { priority: group.priority }),
  }));
}

/** The endpoints of a cluster that the proxy resolves itself, as part of the cluster. */
export function dnsLoadAssignment(
  clusterName: string,
  port: ServicePort,
  endpoints: readonly Endpoint[],
  preference: LocalityPreference | undefined,
): ClusterLoadAssignment {
  return {
    clusterName,
    endpoints: localities(endpoints, port.name, (endpoint) => endpoint.mutualTls, preference),
  };
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
      readonly preference: LocalityPreference | undefined;
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
      endpoints: localities(chosen, port.name, takesTls, key.preference),
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
    const policy = view.get(destinationPolicy, {
      scope: key.scope,
      serviceNamespace: found.namespace,
      hostname,
    });
    const chosen = policy?.subsets.find((entry) => entry.name === subset);
    if (subset !== '' && chosen === undefined) return undefined;
    const settings = policyOfPort(policy?.trafficPolicy, chosen?.trafficPolicy, port);
    const preference = preferenceOf(settings, settingsOf(view), key.scope.place);
    const labels = chosen?.labels ?? {};
    return view.get(loadAssignment, { serviceId: serviceId(found), port, subset, labels, preference });
  },
  { keyText: (key) => `${scopeText(key.scope)} ${key.name}`, equal: sameResource },
);
