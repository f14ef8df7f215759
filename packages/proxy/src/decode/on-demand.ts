import type { OnDemandCds } from '@lateen/protocol/envoy/extensions/filters/http/on_demand/v3';
import * as onDemand from '@lateen/protocol/envoy/extensions/filters/http/on_demand/v3';
import * as tcp from '@lateen/protocol/envoy/extensions/filters/network/tcp_proxy/v3';
import type { OnDemandClusters } from '../model/index.ts';
import { decodeConfigSource } from './config-source.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const filterPolicy = fieldPolicy(onDemand.OnDemand, ['odcds']);
const routePolicy = fieldPolicy(onDemand.PerRouteConfig, ['odcds']);
const cdsPolicy = fieldPolicy(onDemand.OnDemandCds, ['source', 'timeout']);
const tcpPolicy = fieldPolicy(tcp.TcpProxy_OnDemand, ['odcdsConfig', 'timeout']);

export const onDemandPolicies = [filterPolicy, routePolicy, cdsPolicy, tcpPolicy];

/** What the filter, or a route of it, says of clusters that are fetched when they are needed. */
export function decodeOnDemand(
  scope: Scope,
  message: onDemand.OnDemand | onDemand.PerRouteConfig,
): { readonly kind: 'on_demand'; readonly clusters?: OnDemandClusters } {
  scope.check<onDemand.OnDemand>(filterPolicy, message);
  if (message.odcds === undefined) return { kind: 'on_demand' };
  const odcds: OnDemandCds = message.odcds;
  const at = scope.at('odcds');
  at.check(cdsPolicy, odcds);
  const source = decodeConfigSource(at.at('source'), odcds.source);
  at.refersTo('clusters', '*', source);
  return { kind: 'on_demand', clusters: { source, timeoutMs: odcds.timeout ?? 5_000 } };
}

/** The same of a TCP proxy. */
export function decodeTcpOnDemand(scope: Scope, message: tcp.TcpProxy_OnDemand): OnDemandClusters {
  scope.check(tcpPolicy, message);
  const source = decodeConfigSource(scope.at('odcdsConfig'), message.odcdsConfig);
  scope.refersTo('clusters', '*', source);
  return { source, timeoutMs: message.timeout ?? 60_000 };
}
