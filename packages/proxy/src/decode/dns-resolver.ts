import type { Address as AddressMessage, TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import type { Cluster as ClusterMessage } from '@lateen/protocol/envoy/config/cluster/v3';
import { CaresDnsResolverConfig } from '@lateen/protocol/envoy/extensions/network/dns_resolver/cares/v3';
import { GetAddrInfoDnsResolverConfig } from '@lateen/protocol/envoy/extensions/network/dns_resolver/getaddrinfo/v3';
import { formatAddress } from '../model/index.ts';
import { decodeIpAddress } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';

const asTheyAre = 'names are asked for as they are, by UDP, and by TCP where the answer is too long';

const caresPolicy = fieldPolicy(CaresDnsResolverConfig, ['resolvers', 'useResolversAsFallback'], {
  dnsResolverOptions: asTheyAre,
  filterUnroutableFamilies: 'addresses of both families are used where both are asked for',
  udpMaxQueries: 'each name has a socket of its own for its queries',
});
const resolutionPolicy = fieldPolicy(core.DnsResolutionConfig, ['resolvers'], {
  dnsResolverOptions: asTheyAre,
});

export const dnsResolverPolicies = [
  caresPolicy,
  resolutionPolicy,
  fieldPolicy(GetAddrInfoDnsResolverConfig, []),
];

/**
 * The name servers that a cluster asks, as `10.0.0.10:53`; empty: the system resolves. The typed configuration counts
 * before the older field, and that before the oldest (Envoy).
 */
export function decodeNameServers(scope: Scope, message: ClusterMessage): readonly string[] {
  if (message.typedDnsResolverConfig !== undefined) {
    return decodeTyped(scope.at('typedDnsResolverConfig'), message.typedDnsResolverConfig);
  }
  const { dnsResolutionConfig } = message;
  if (dnsResolutionConfig !== undefined) {
    const at = scope.at('dnsResolutionConfig');
    at.check(resolutionPolicy, dnsResolutionConfig);
    return serversOf(at.at('resolvers'), dnsResolutionConfig.resolvers);
  }
  return serversOf(scope.at('dnsResolvers'), message.dnsResolvers);
}

function decodeTyped(scope: Scope, { typedConfig }: TypedExtensionConfig): readonly string[] {
  const at = scope.at('typedConfig');
  if (typeNameOf(typedConfig) === GetAddrInfoDnsResolverConfig.typeName) {
    at.unpack(GetAddrInfoDnsResolverConfig, typedConfig);
    return [];
  }
  const cares = at.unpack(CaresDnsResolverConfig, typedConfig);
  if (cares === undefined) return [];
  at.check(caresPolicy, cares);
  const servers = serversOf(at.at('resolvers'), cares.resolvers);
  // For a system that has none of its own.
  return cares.useResolversAsFallback === true ? [] : servers;
}

function serversOf(scope: Scope, addresses: readonly AddressMessage[] = []): readonly string[] {
  return addresses.flatMap((message, i) => {
    const address = decodeIpAddress(scope.at(i), message);
    if (address.kind === 'socket') return [formatAddress(address)];
    scope.at(i).fail('must be the address of a name server');
    return [];
  });
}
