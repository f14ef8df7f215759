import type { EndpointAddress, Endpoints, SliceEndpoint } from '@lateen/kube';
import type { SliceGroup } from './slice-plan.ts';

/** The slices' contents for an Endpoints object that somebody wrote by hand. IPv4 only, as the cluster is. */
export function mirroredGroups(endpoints: Endpoints): SliceGroup[] {
  return (endpoints.subsets ?? []).map((subset) => ({
    ports: (subset.ports ?? []).map((port) => ({ name: '', protocol: 'TCP' as const, ...port })),
    endpoints: [
      ...(subset.addresses ?? []).map((address) => mirroredEndpoint(address, true)),
      ...(subset.notReadyAddresses ?? []).map((address) => mirroredEndpoint(address, false)),
    ],
  }));
}

function mirroredEndpoint(address: EndpointAddress, ready: boolean): SliceEndpoint {
  return {
    addresses: [address.ip],
    conditions: { ready, serving: ready, terminating: false },
    ...(address.hostname === undefined ? {} : { hostname: address.hostname }),
    ...(address.nodeName === undefined ? {} : { nodeName: address.nodeName }),
    ...(address.targetRef === undefined ? {} : { targetRef: address.targetRef }),
  };
}
