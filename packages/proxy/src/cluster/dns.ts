import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { messageOf, ok, problem, type Result } from '@lateen/core';
import type { Cluster } from '../model/cluster.ts';
import type { ClusterLoadAssignment, Endpoint, LocalityEndpoints } from '../model/endpoint.ts';

async function addressesOf(
  name: string,
  family: 'auto' | 'v4_only' | 'v6_only' | 'v4_preferred' | 'all',
): Promise<string[]> {
  if (isIP(name) !== 0) return [name];
  const wanted = family === 'v4_only' ? 4 : family === 'v6_only' ? 6 : 0;
  const found = await lookup(name, { all: true, family: wanted });
  const v4 = found.filter((one) => one.family === 4).map((one) => one.address);
  const v6 = found.filter((one) => one.family === 6).map((one) => one.address);
  if (family === 'all') return [...v6, ...v4];
  if (family === 'v4_preferred') return v4.length > 0 ? v4 : v6;
  if (family === 'auto') return v4.length > 0 ? v4 : v6;
  return found.map((one) => one.address);
}

/**
 * Replaces the host names of an assignment by their addresses, as the system's resolver knows them
 * (hosts file, search domains). `logical_dns` takes the first address of a name only.
 */
export async function resolveAssignment(
  cluster: Cluster,
  assignment: ClusterLoadAssignment,
): Promise<Result<ClusterLoadAssignment>> {
  const { discovery } = cluster;
  const family =
    discovery.kind === 'strict_dns' || discovery.kind === 'logical_dns' ? discovery.family : 'auto';
  const localities: LocalityEndpoints[] = [];
  for (const locality of assignment.localities) {
    const endpoints: Endpoint[] = [];
    for (const endpoint of locality.endpoints) {
      const { address } = endpoint;
      if (address.kind === 'pipe') {
        endpoints.push(endpoint);
        continue;
      }
      try {
        const found = await addressesOf(address.address, family);
        const used = discovery.kind === 'logical_dns' ? found.slice(0, 1) : found;
        for (const ip of used) {
          endpoints.push({
            ...endpoint,
            address: { kind: 'socket', address: ip, port: address.port },
            hostname: endpoint.hostname === '' ? address.address : endpoint.hostname,
          });
        }
      } catch (error) {
        return problem('', `${address.address} cannot be resolved: ${messageOf(error)}`);
      }
    }
    localities.push({ ...locality, endpoints });
  }
  return ok({ ...assignment, localities });
}
