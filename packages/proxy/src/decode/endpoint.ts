import type {
  ClusterLoadAssignment as AssignmentMessage,
  LbEndpoint,
  LocalityLbEndpoints,
} from '@lateen/protocol/envoy/config/endpoint/v3';
import * as endpoint from '@lateen/protocol/envoy/config/endpoint/v3';
import type { ClusterLoadAssignment, Endpoint, HealthStatus, LocalityEndpoints } from '../model/index.ts';
import { decodeIpAddress, type decodeAddress, decodeLocality, decodeMetadata } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const assignmentPolicy = fieldPolicy(endpoint.ClusterLoadAssignment, ['clusterName', 'endpoints', 'policy'], {
  namedEndpoints: 'only of use with endpoint_name, which is refused',
});
const dropPolicyPolicy = fieldPolicy(
  endpoint.ClusterLoadAssignment_Policy,
  ['dropOverloads', 'overprovisioningFactor', 'endpointStaleAfter'],
  { weightedPriorityHealth: 'priorities are judged by the number of healthy hosts' },
);
const localityPolicy = fieldPolicy(
  endpoint.LocalityLbEndpoints,
  ['locality', 'lbEndpoints', 'loadBalancingWeight', 'priority'],
  {
    metadata: 'nothing of this proxy reads the metadata of a locality',
    proximity: 'not used by Envoy either',
  },
);
const lbEndpointPolicy = fieldPolicy(endpoint.LbEndpoint, [
  'endpoint',
  'healthStatus',
  'metadata',
  'loadBalancingWeight',
]);
const endpointPolicy = fieldPolicy(endpoint.Endpoint, [
  'address',
  'healthCheckConfig',
  'hostname',
  'additionalAddresses',
]);

export const endpointPolicies = [
  assignmentPolicy,
  dropPolicyPolicy,
  localityPolicy,
  lbEndpointPolicy,
  endpointPolicy,
];

export const healthStatuses: Readonly<Record<string, HealthStatus>> = {
  UNKNOWN: 'unknown',
  HEALTHY: 'healthy',
  UNHEALTHY: 'unhealthy',
  DRAINING: 'draining',
  TIMEOUT: 'timeout',
  DEGRADED: 'degraded',
};

/** Reads the address of an endpoint: where names are looked up, or where they are not. */
type AddressDecoder = typeof decodeAddress;

const endpointIp: AddressDecoder = (scope, message) =>
  decodeIpAddress(scope, message, ': use STRICT_DNS or LOGICAL_DNS');

/** The endpoints of a cluster. */
export function decodeAssignment(
  scope: Scope,
  message: AssignmentMessage,
  addressOf: AddressDecoder = endpointIp,
): ClusterLoadAssignment {
  scope.check(assignmentPolicy, message);
  const { policy } = message;
  if (policy !== undefined) scope.at('policy').check(dropPolicyPolicy, policy);
  return {
    name: message.clusterName ?? '',
    localities: (message.endpoints ?? []).map((locality, i) =>
      decodeLocalityEndpoints(scope.at('endpoints').at(i), locality, addressOf),
    ),
    overprovisioningFactor: policy?.overprovisioningFactor ?? 140,
    dropFractions: (policy?.dropOverloads ?? []).map((drop, i) =>
      dropFraction(scope.at('policy').at('dropOverloads').at(i).at('dropPercentage'), drop.dropPercentage),
    ),
    ...(policy?.endpointStaleAfter === undefined ? {} : { endpointStaleAfterMs: policy.endpointStaleAfter }),
  };
}

function dropFraction(
  scope: Scope,
  percentage: { numerator?: number | undefined; denominator?: unknown } | undefined,
): number {
  const of =
    percentage?.denominator === 'MILLION'
      ? 1_000_000
      : percentage?.denominator === 'TEN_THOUSAND'
        ? 10_000
        : 100;
  const fraction = (percentage?.numerator ?? 0) / of;
  if (fraction > 1) scope.fail(`${percentage?.numerator} of ${of} is more than all`);
  return fraction;
}

function decodeLocalityEndpoints(
  scope: Scope,
  message: LocalityLbEndpoints,
  addressOf: AddressDecoder,
): LocalityEndpoints {
  scope.check(localityPolicy, message);
  return {
    locality: decodeLocality(message.locality),
    priority: message.priority ?? 0,
    ...(message.loadBalancingWeight === undefined ? {} : { weight: message.loadBalancingWeight }),
    endpoints: (message.lbEndpoints ?? []).map((item, i) =>
      decodeEndpoint(scope.at('lbEndpoints').at(i), item, addressOf),
    ),
  };
}

function decodeEndpoint(scope: Scope, message: LbEndpoint, addressOf: AddressDecoder): Endpoint {
  scope.check(lbEndpointPolicy, message);
  const host = message.endpoint ?? {};
  scope.at('endpoint').check(endpointPolicy, host);
  const weight = message.loadBalancingWeight ?? 1;
  if (weight < 1) scope.at('loadBalancingWeight').fail('must be at least 1');
  const healthCheckPort = host.healthCheckConfig?.portValue;
  const healthCheckHostname = host.healthCheckConfig?.hostname ?? '';
  return {
    address: addressOf(scope.at('endpoint').at('address'), host.address),
    ...(host.additionalAddresses === undefined
      ? {}
      : {
          additionalAddresses: host.additionalAddresses.map(({ address }, i) =>
            addressOf(scope.at('endpoint').at('additionalAddresses').at(i).at('address'), address),
          ),
        }),
    hostname: host.hostname ?? '',
    healthStatus: scope.at('healthStatus').choice(message.healthStatus, healthStatuses, 'unknown'),
    weight,
    metadata: decodeMetadata(scope.at('metadata'), message.metadata),
    ...(healthCheckPort === undefined ? {} : { healthCheckPort }),
    ...(healthCheckHostname === '' ? {} : { healthCheckHostname }),
  };
}
