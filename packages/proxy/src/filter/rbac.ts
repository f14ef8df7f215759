import { compileRbac, type RbacDecision, type RbacSubject, type RbacVerdict } from '../decide/rbac.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { RbacRules } from '../model/rbac.ts';
import type { RbacStats } from '../telemetry/rbac-stats.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import { addMetadata } from './dynamic-metadata.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

interface Decisions {
  readonly enforced: RbacDecision | undefined;
  /** The rules only mark what others may look at (Envoy, RBAC action LOG). */
  readonly logs: boolean;
  /** Only counted, and told to filters after this one. */
  readonly shadow: RbacDecision | undefined;
  readonly shadowPrefix: string;
}

interface Rules {
  readonly rules?: RbacRules;
  readonly shadowRules?: RbacRules;
  readonly shadowPrefix?: string;
}

function compileBoth({ rules, shadowRules, shadowPrefix = '' }: Rules): Decisions {
  return {
    enforced: rules === undefined ? undefined : compileRbac(rules),
    logs: rules?.action === 'log',
    shadow: shadowRules === undefined ? undefined : compileRbac(shadowRules),
    shadowPrefix,
  };
}

/** The names of the peer's certificate that principals are compared with: URIs, else DNS names, else the subject. */
export function peerNamesOf(tls: TlsInfo | undefined): readonly string[] {
  if (tls?.peerCertificate === undefined) return nobody;
  if (tls.peerUriSans.length > 0) return tls.peerUriSans;
  if (tls.peerDnsSans.length > 0) return tls.peerDnsSans;
  return [tls.peerSubject];
}

const nobody: readonly string[] = [];

/** What of a connection rules can be about. */
export function connectionSubject(connection: ConnectionInfo): Omit<RbacSubject, 'request'> {
  return {
    destination: connection.local,
    directRemote: connection.directRemote,
    remote: connection.remote,
    serverName: connection.serverName,
    peerNames: peerNamesOf(connection.tls),
    metadata: connection.metadata,
  };
}

/** What shadow rules say, under Envoy's names: filters and logs after this one may look at it. */
function tellShadow(exchange: FilterExchange, prefix: string, verdict: RbacVerdict): void {
  addMetadata(exchange, 'envoy.filters.http.rbac', {
    [`${prefix}shadow_engine_result`]: verdict.allowed ? 'allowed' : 'denied',
    ...(verdict.policy === undefined ? {} : { [`${prefix}shadow_effective_policy_id`]: verdict.policy }),
  });
}

/** Counts by the shadow rules, decides by the rules; undefined where everybody passes. `exchange` is told what they said. */
function decide(
  decisions: Decisions,
  subject: RbacSubject,
  stats: RbacStats,
  exchange: FilterExchange | undefined,
): string | undefined {
  const shadow = decisions.shadow?.(subject);
  if (shadow !== undefined) {
    if (shadow.allowed) stats.shadowAllowed++;
    else stats.shadowDenied++;
    if (exchange !== undefined) tellShadow(exchange, decisions.shadowPrefix, shadow);
  }
  const verdict = decisions.enforced?.(subject);
  if (verdict === undefined) return undefined;
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

/** Lets pass who may; a route's rules take the place of the filter's own. Throws where a regular expression is none. */
export function rbacFilter(name: string, rules: Rules, stats: RbacStats): CompiledHttpFilter {
  const own = compileBoth(rules);
  const ofRoute = new WeakMap<object, Decisions>();

  function decisionsFor(exchange: FilterExchange): Decisions | undefined {
    const config = exchange.routeConfig(name);
    if (config?.kind === 'disabled') return undefined;
    if (config?.kind !== 'rbac') return own;
    let compiled = ofRoute.get(config);
    if (compiled === undefined) {
      compiled = compileBoth(config);
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
      const denied = decide(decisions, subject, stats, exchange);
      if (denied === undefined) return 'continue';
      exchange.reply(403, 'RBAC: access denied', denied);
      return 'stop';
    },
  };
}

/** Decides about a connection when it is made. */
export function rbacGate(rules: Rules, stats: RbacStats): (connection: ConnectionInfo) => boolean {
  const decisions = compileBoth(rules);
  return (connection) =>
    decide(decisions, { ...connectionSubject(connection), request: undefined }, stats, undefined) ===
    undefined;
}
