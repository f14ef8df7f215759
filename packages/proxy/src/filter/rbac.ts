import { compileRbac, type RbacDecision, type RbacSubject } from '../decide/rbac.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { RbacRules } from '../model/rbac.ts';
import type { RbacStats } from '../telemetry/rbac-stats.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

interface Decisions {
  readonly enforced: RbacDecision | undefined;
  /** Only counted. */
  readonly shadow: RbacDecision | undefined;
}

interface Rules {
  readonly rules?: RbacRules;
  readonly shadowRules?: RbacRules;
}

function compileBoth({ rules, shadowRules }: Rules): Decisions {
  return {
    enforced: rules === undefined ? undefined : compileRbac(rules),
    shadow: shadowRules === undefined ? undefined : compileRbac(shadowRules),
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
  };
}

/** Counts by the shadow rules, decides by the rules; undefined where everybody passes. */
export function decide(decisions: Decisions, subject: RbacSubject, stats: RbacStats): string | undefined {
  const shadow = decisions.shadow?.(subject);
  if (shadow !== undefined) {
    if (shadow.allowed) stats.shadowAllowed++;
    else stats.shadowDenied++;
  }
  const verdict = decisions.enforced?.(subject);
  if (verdict === undefined) return undefined;
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
      const subject = { ...connectionSubject(connection), remote: exchange.client, request: head };
      const denied = decide(decisions, subject, stats);
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
    decide(decisions, { ...connectionSubject(connection), request: undefined }, stats) === undefined;
}
