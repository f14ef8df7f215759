import type { CheckRequest } from '@lateen/protocol/envoy/service/auth/v3';
import { compileMetadataMatch } from '../decide/metadata-match.ts';
import { addressOf, labelsOf, peerOf } from '../filter/ext-authz/check-request.ts';
import { checkByGrpc } from '../filter/ext-authz/grpc-check.ts';
import { grpcTarget } from '../call/grpc-target.ts';
import type { NetworkExtAuthz } from '../model/ext-authz.ts';
import { ConnectionCheckStats } from '../telemetry/connection-check-stats.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { ListenerContext } from './compiled-listener.ts';
import type { ConnectionGate } from './connection-gate.ts';
import type { ConnectionInfo } from './connection-info.ts';

/** Envoy's default for a gRPC service. */
const defaultTimeoutMs = 200;

function requestFor(
  config: NetworkExtAuthz,
  labels: Readonly<Record<string, string>> | undefined,
  startMs: number,
  { remote, local, tls, serverName }: ConnectionInfo,
): CheckRequest {
  return {
    attributes: {
      source: peerOf(remote, tls, config.includePeerCertificate),
      destination: { address: addressOf(local), ...(labels === undefined ? {} : { labels }) },
      request: { time: startMs },
      ...(config.includeTlsSession && tls !== undefined
        ? { tlsSession: { sni: tls.sni ?? serverName } }
        : {}),
    },
  };
}

/**
 * Asks a service whether a connection may be served (Envoy, external authorization network filter). Unlike Envoy, which
 * waits for the first bytes, it asks as soon as there is a connection: also where the server is to speak first.
 */
export function authorizationGate(config: NetworkExtAuthz, context: ListenerContext): ConnectionGate {
  const { filterServices, clock } = context;
  const target = grpcTarget(config.service, filterServices, defaultTimeoutMs);
  const labels = labelsOf(filterServices.nodeMetadata, config.labelsKey);
  const wanted =
    config.enabledMetadata === undefined ? undefined : compileMetadataMatch(config.enabledMetadata);
  const { n } = filterServices.statGroup(
    `network ext_authz ${config.statPrefix}`,
    () => new ConnectionCheckStats(config.statPrefix),
  );
  const because = { flags: flag.unauthorizedExternalService, details: '', reason: 'ext_authz_close' };
  return (connection) => {
    if (wanted !== undefined && !wanted(connection.metadata)) {
      n.disabled++;
      return undefined;
    }
    n.total++;
    return {
      because,
      ask(decide) {
        n.active++;
        const request = requestFor(config, labels, clock.now(), connection);
        const call = checkByGrpc(filterServices.calls, target, request, (verdict) => {
          n.active--;
          if (verdict.kind === 'ok') {
            n.ok++;
          } else if (verdict.kind === 'denied') {
            n.denied++;
          } else {
            n.error++;
            if (config.failureModeAllow) n.failureModeAllowed++;
          }
          const allowed = verdict.kind === 'ok' || (verdict.kind === 'error' && config.failureModeAllow);
          if (!allowed) n.cxClosed++;
          decide(allowed);
        });
        return () => {
          n.active--;
          call.cancel();
        };
      },
    };
  };
}
