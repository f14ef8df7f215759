import { subsetNamespace } from '../../decide/subset-criteria.ts';
import type { Host } from '../host.ts';
import type { BalancerRequest } from './balancer.ts';

/**
 * What a host's places are derived from: what its metadata says, else its address, or its name where the cluster says so.
 * Source: Envoy, `hash_key` of `envoy.lb`.
 */
export function hashKey(host: Host, useHostname: boolean): string {
  const { hostname, metadata } = host.endpoint;
  const key = metadata[subsetNamespace]?.['hash_key'];
  if (typeof key === 'string' && key !== '') return key;
  return useHostname && hostname !== '' ? hostname : host.key;
}

/** Shares that add up to 1, of the given weights or else of the hosts' own. */
export function normalizedWeights(hosts: readonly Host[], weights: Float64Array | undefined): Float64Array {
  const raw = weights ?? Float64Array.from(hosts, (host) => host.weight);
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((weight) => weight / sum);
}

/** The hash that a request is placed by; one that has none goes anywhere. */
export function requestHash(request: BalancerRequest, random: () => number): bigint {
  return (
    request.hash() ?? (BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32))
  );
}
