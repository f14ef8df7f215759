import type { EndpointAddress, EndpointSubset, EndpointsPort } from '@lateen/kube';
import type { PodEndpoint, ResolvedPort } from './pod-endpoints.ts';

/** How many addresses an Endpoints object holds at most; EndpointSlices hold them all. */
export const maxEndpointsAddresses = 1000;

/** The subsets of an Endpoints object: one for each set of ports, addresses in order. */
export function endpointSubsets(
  endpoints: readonly PodEndpoint[],
  publishNotReady: boolean,
): EndpointSubset[] {
  const byPorts = new Map<string, { ports: readonly ResolvedPort[]; members: PodEndpoint[] }>();
  // A pod on its way out is in no Endpoints object; EndpointSlices say of it that it is terminating.
  const staying = endpoints.filter((endpoint) => !endpoint.terminating || publishNotReady);
  const ordered = [...staying].sort((a, b) => compareAddresses(a.ip, b.ip));
  for (const endpoint of ordered.slice(0, maxEndpointsAddresses)) {
    const key = JSON.stringify(endpoint.ports);
    const subset = byPorts.get(key);
    if (subset === undefined) byPorts.set(key, { ports: endpoint.ports, members: [endpoint] });
    else subset.members.push(endpoint);
  }
  const keys = [...byPorts.keys()].sort();
  return keys.map((key) => {
    const { ports, members } = byPorts.get(key) ?? { ports: [], members: [] };
    const ready = members.filter((member) => member.ready).map(addressOf);
    const notReady = members.filter((member) => !member.ready).map(addressOf);
    return {
      ...(ready.length === 0 ? {} : { addresses: ready }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
      ...(ports.length === 0 ? {} : { ports: ports.map(endpointsPort) }),
    };
  });
}

function addressOf(endpoint: PodEndpoint): EndpointAddress {
  return {
    ip: endpoint.ip,
    ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
    ...(endpoint.nodeName === undefined ? {} : { nodeName: endpoint.nodeName }),
    targetRef: endpoint.targetRef,
  };
}

/** A port as Endpoints and EndpointSlices write it. */
export function endpointsPort(port: ResolvedPort): EndpointsPort {
  return {
    ...(port.name === '' ? {} : { name: port.name }),
    port: port.port,
    protocol: port.protocol,
    ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
  };
}

/** Orders IPv4 addresses by number; anything else as text. */
export function compareAddresses(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < 4; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return a < b ? -1 : Number(a > b);
}
