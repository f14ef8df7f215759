import type { Problem } from '@lateen/core';
import type { HttpFilter } from '../model/http-filter.ts';
import { corsFilter } from './cors.ts';
import { faultFilter } from './fault.ts';
import type { PeerTable } from '../telemetry/peer.ts';
import type { CompiledHttpFilter } from './http-filter.ts';
import { peerMetadataFilter, type PeerIntroduction } from './peer-metadata.ts';

/** What filters that speak of peers share in a data plane. */
export interface MeshTelemetry {
  readonly introduction: PeerIntroduction | undefined;
  readonly peers: PeerTable;
}

/** The filters of a chain that have something to do, in order; what cannot be enforced here becomes a problem. */
export function compileHttpFilters(
  filters: readonly HttpFilter[],
  path: string,
  problems: Problem[],
  direction: 'unspecified' | 'inbound' | 'outbound',
  telemetry: MeshTelemetry,
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
        compiled.push(peerMetadataFilter(name, direction, telemetry.introduction, telemetry.peers));
        break;
      case 'fault':
        compiled.push(faultFilter(name, config.policy));
        break;
      case 'rbac':
      case 'local_rate_limit':
        // To let pass what was to be refused would be worse than to refuse the configuration.
        problems.push({ path: `${path}[${i}]`, message: `the HTTP filter "${name}" is not supported` });
        break;
      default:
    }
  });
  return compiled;
}
