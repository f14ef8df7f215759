import { messageOf, type Clock, type Problem } from '@lateen/core';
import type { HttpFilter } from '../model/http-filter.ts';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import { corsFilter } from './cors.ts';
import { faultFilter } from './fault.ts';
import type { PeerTable } from '../telemetry/peer.ts';
import type { RateLimitStats } from '../telemetry/rate-limit-stats.ts';
import type { RbacStats } from '../telemetry/rbac-stats.ts';
import type { CompiledHttpFilter } from './http-filter.ts';
import { localRateLimitFilter } from './local-rate-limit.ts';
import { peerMetadataFilter, type PeerIntroduction } from './peer-metadata.ts';
import { rbacFilter } from './rbac.ts';

/** What filters share in a data plane. */
export interface FilterServices {
  readonly clock: Clock;
  readonly rbacStats: (layer: 'http' | 'network', statPrefix: string) => RbacStats;
  readonly rateLimitStats: (statPrefix: string) => RateLimitStats;
  readonly introduction: PeerIntroduction | undefined;
  readonly peers: PeerTable;
}

/** The filters that upgrades have in place of those of their connection manager; undefined where none has. */
export function compileUpgradeFilters(
  model: HttpConnectionManager,
  path: string,
  problems: Problem[],
  manager: Parameters<typeof compileHttpFilters>[3],
  services: FilterServices,
): ReadonlyMap<string, readonly CompiledHttpFilter[]> | undefined {
  const chains = new Map<string, readonly CompiledHttpFilter[]>();
  model.upgrades.forEach(({ type, filters }, i) => {
    if (filters === undefined) return;
    const at = `${path}.upgrade_configs[${i}].filters`;
    chains.set(type, compileHttpFilters(filters, at, problems, manager, services));
  });
  return chains.size === 0 ? undefined : chains;
}

/** The filters of a chain that have something to do, in order; what cannot be enforced here becomes a problem. */
export function compileHttpFilters(
  filters: readonly HttpFilter[],
  path: string,
  problems: Problem[],
  manager: { readonly direction: 'unspecified' | 'inbound' | 'outbound'; readonly statPrefix: string },
  services: FilterServices,
): CompiledHttpFilter[] {
  const compiled: CompiledHttpFilter[] = [];
  if (filters.at(-1)?.config.kind !== 'router') {
    problems.push({ path, message: 'the last HTTP filter must be the router' });
  }
  filters.forEach(({ name, config, disabled }, i) => {
    if (disabled) return;
    switch (config.kind) {
      case 'cors':
        compiled.push(corsFilter(name, config.policy));
        break;
      case 'peer_metadata':
        compiled.push(peerMetadataFilter(name, manager.direction, services.introduction, services.peers));
        break;
      case 'fault':
        compiled.push(faultFilter(name, config.policy));
        break;
      case 'rbac':
        try {
          compiled.push(rbacFilter(name, config, services.rbacStats('http', manager.statPrefix)));
        } catch (error) {
          problems.push({ path: `${path}[${i}]`, message: messageOf(error) });
        }
        break;
      case 'local_rate_limit':
        compiled.push(localRateLimitFilter(name, config.limit, services.clock, services.rateLimitStats));
        break;
      default:
    }
  });
  return compiled;
}
