import type { Logger } from '@lateen/core';
import { compileRbac, type RbacDecision, type RbacSubject, type RbacVerdict } from '../decide/rbac.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import { formatAddress } from '../model/address.ts';
import type { Metadata } from '../model/metadata.ts';
import type { RbacRules } from '../model/rbac.ts';
import type { RbacStats } from '../telemetry/rbac-stats.ts';
import { addMetadata } from './dynamic-metadata.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

interface WithMetadata {
  dynamicMetadata: Metadata | undefined;
}

/** Where decisions are counted, and told of where somebody wants to know. */
export interface RbacReports {
  readonly stats: RbacStats;
  readonly log: Logger;
}

interface Decisions {
  readonly enforced: RbacDecision | undefined;
  /** The rules only mark what others may look at (Envoy, RBAC action LOG). */
  readonly logs: boolean;
  /** Only counted, and told to filters after this one. */
  readonly shadow: RbacDecision | undefined;
  readonly shadowPrefix: string;
  readonly shadowCounts: ReturnType<RbacStats['shadow']>;
  /** Where metadata tells what shadow rules say. */
  readonly namespace: string;
}

interface Rules {
  readonly rules?: RbacRules;
  readonly shadowRules?: RbacRules;
  readonly shadowPrefix?: string;
}

function compileBoth(
  { rules, shadowRules, shadowPrefix = '' }: Rules,
  layer: 'http' | 'network',
  stats: RbacStats,
): Decisions {
  return {
    enforced: rules === undefined ? undefined : compileRbac(rules),
    logs: rules?.action === 'log',
    shadow: shadowRules === undefined ? undefined : compileRbac(shadowRules),
    shadowPrefix,
    shadowCounts: stats.shadow(shadowPrefix),
    namespace: `envoy.filters.${layer}.rbac`,
  };
}

/** What of a connection rules can be about. */
export function connectionSubject(connection: ConnectionInfo): Omit<RbacSubject, 'request'> {
  return {
    destination: connection.local,
    directRemote: connection.directRemote,
    source: connection.remote,
    remote: connection.remote,
    serverName: connection.serverName,
    peer: connection.tls,
    metadata: connection.metadata,
  };
}

/** What shadow rules say, under Envoy's names: filters and logs after this one may look at it. */
function tellShadow(
  told: WithMetadata,
  { namespace, shadowPrefix: prefix }: Decisions,
  verdict: RbacVerdict,
): void {
  addMetadata(told, namespace, {
    [`${prefix}shadow_engine_result`]: verdict.allowed ? 'allowed' : 'denied',
    ...(verdict.policy === undefined ? {} : { [`${prefix}shadow_effective_policy_id`]: verdict.policy }),
  });
}

/** Counts by the shadow rules, decides by the rules; undefined where everybody passes. `exchange` is told what they said. */
function decide(
  decisions: Decisions,
  subject: RbacSubject,
  { stats, log }: RbacReports,
  exchange: WithMetadata | undefined,
): string | undefined {
  const tells = log.enabled('debug');
  let known = subject;
  const shadow = decisions.shadow?.(subject);
  if (shadow !== undefined) {
    if (tells) tell(log, 'shadow', shadow, subject);
    decisions.shadowCounts[shadow.allowed ? 'allowed' : 'denied']++;
    if (exchange !== undefined) {
      tellShadow(exchange, decisions, shadow);
      known = { ...subject, metadata: exchange.dynamicMetadata };
    }
  }
  const verdict = decisions.enforced?.(known);
  if (verdict === undefined) return undefined;
  if (tells) tell(log, 'enforced', verdict, subject);
  if (decisions.logs && exchange !== undefined) {
    addMetadata(exchange, 'envoy.common', { access_log_hint: verdict.policy !== undefined });
  }
  if (verdict.allowed) {
    stats.allowed++;
    return undefined;
  }
  stats.denied++;
  return `rbac_access_denied_matched_policy[${verdict.policy ?? 'none'}]`;
}

/** In Envoy's words, which Istio's pages on debugging authorization look for. */
function tell(log: Logger, engine: 'enforced' | 'shadow', verdict: RbacVerdict, subject: RbacSubject): void {
  const { request, remote, destination, peer, serverName } = subject;
  log.debug(
    `${engine} ${verdict.allowed ? 'allowed' : 'denied'}, matched policy ${verdict.policy ?? 'none'}`,
    {
      remote: formatAddress(remote),
      local: formatAddress(destination),
      principal: peer?.peerUriSans[0] ?? peer?.peerDnsSans[0] ?? peer?.peerSubject,
      serverName: serverName === '' ? undefined : serverName,
      method: request?.method,
      authority: request?.authority,
      path: request?.path,
    },
  );
}

/** Lets pass who may; a route's rules take the place of the filter's own. Throws where a regular expression is none. */
export function rbacFilter(name: string, rules: Rules, reports: RbacReports): CompiledHttpFilter {
  const own = compileBoth(rules, 'http', reports.stats);
  const ofRoute = new WeakMap<object, Decisions>();

  function decisionsFor(exchange: FilterExchange): Decisions | undefined {
    const config = exchange.routeConfig(name);
    if (config?.kind === 'disabled') return undefined;
    if (config?.kind !== 'rbac') return own;
    let compiled = ofRoute.get(config);
    if (compiled === undefined) {
      compiled = compileBoth(config, 'http', reports.stats);
      ofRoute.set(config, compiled);
    }
    return compiled;
  }

  return {
    name,
    onRequest(exchange) {
      const decisions = decisionsFor(exchange);
      if (decisions === undefined) return 'continue';
      const { connection, head } = exchange;
      const subject = {
        ...connectionSubject(connection),
        remote: exchange.client,
        request: head,
        metadata: exchange.dynamicMetadata,
      };
      const denied = decide(decisions, subject, reports, exchange);
      if (denied === undefined) return 'continue';
      exchange.reply(403, 'RBAC: access denied', denied);
      return 'stop';
    },
  };
}

/** Decides about a connection when it is made, and says why it is denied; undefined where it is not. What shadow rules say is told to those who come after. */
export function rbacGate(
  rules: Rules,
  reports: RbacReports,
): (connection: ConnectionInfo) => string | undefined {
  const decisions = compileBoth(rules, 'network', reports.stats);
  const tells = decisions.shadow !== undefined || decisions.logs;
  return (connection) => {
    const subject = { ...connectionSubject(connection), request: undefined };
    if (!tells) return decide(decisions, subject, reports, undefined);
    const told: WithMetadata = { dynamicMetadata: connection.metadata };
    const denied = decide(decisions, subject, reports, told);
    connection.metadata = told.dynamicMetadata;
    return denied;
  };
}
