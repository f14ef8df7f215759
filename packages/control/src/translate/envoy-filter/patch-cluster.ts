import { Cluster, type Cluster_TransportSocketMatch } from '@lateen/protocol/envoy/config/cluster/v3';
import { TransportSocket } from '@lateen/protocol/envoy/config/core/v3';
import type { EnvoyFilterPatch } from '../../model/envoy-filter.ts';
import { mergeMessage } from './merge-message.ts';

/** A cluster after a patch; undefined where the patch removes it. */
export function patchCluster(cluster: Cluster, patch: EnvoyFilterPatch): Cluster | undefined {
  if (!isMeant(cluster, patch)) return cluster;
  if (patch.operation === 'REMOVE') return undefined;
  if (patch.operation !== 'MERGE') return cluster;
  const { transportSocket, ...rest } = patch.value as Cluster;
  const merged = mergeMessage(Cluster, cluster, rest, patch.registry);
  return transportSocket === undefined ? merged : withTransport(merged, transportSocket, patch);
}

/**
 * As Istio: a transport is merged with the one of its name among those that are chosen by endpoint; where there is none of
 * its name it is left out, and it replaces the only transport of another name.
 */
function withTransport(cluster: Cluster, wanted: TransportSocket, { registry }: EnvoyFilterPatch): Cluster {
  const merge = (present: TransportSocket): TransportSocket =>
    mergeMessage(TransportSocket, present, wanted, registry);
  const { transportSocketMatches = [], transportSocket } = cluster;
  if (transportSocketMatches.length > 0) {
    const index = transportSocketMatches.findIndex((match) => match.transportSocket?.name === wanted.name);
    const present = transportSocketMatches[index];
    if (present?.transportSocket === undefined) return cluster;
    const changed: Cluster_TransportSocketMatch = {
      ...present,
      transportSocket: merge(present.transportSocket),
    };
    return { ...cluster, transportSocketMatches: transportSocketMatches.with(index, changed) };
  }
  const isSame = transportSocket !== undefined && transportSocket.name === wanted.name;
  return { ...cluster, transportSocket: isSame ? merge(transportSocket) : wanted };
}

function isMeant(cluster: Cluster, { match }: EnvoyFilterPatch): boolean {
  const wanted = match.cluster;
  if (wanted === undefined) return true;
  const { name = '' } = cluster;
  if (wanted.name !== undefined) return wanted.name === name;
  const [direction, port, subset, host] = name.split('|');
  const hosts = direction === 'inbound' ? servicesOf(cluster) : [host];
  return (
    (wanted.portNumber === undefined || String(wanted.portNumber) === port) &&
    (wanted.subset === undefined || wanted.subset === subset) &&
    (wanted.service === undefined || hosts.includes(wanted.service))
  );
}

/** The services whose workload an inbound cluster is of. */
function servicesOf({ metadata }: Cluster): readonly unknown[] {
  const services = metadata?.filterMetadata?.['istio']?.['services'];
  if (!Array.isArray(services)) return [];
  return (services as readonly { readonly host?: unknown }[]).map(({ host }) => host);
}
