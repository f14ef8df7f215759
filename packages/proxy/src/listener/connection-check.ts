import type { CheckRequest } from '@lateen/protocol/envoy/service/auth/v3';
import { compileMetadataMatch } from '../decide/metadata-match.ts';
import { addMetadata } from '../filter/dynamic-metadata.ts';
import { destinationOf, labelsOf, peerOf } from '../filter/ext-authz/check-request.ts';
import { checkByGrpc } from '../filter/ext-authz/grpc-check.ts';
import { grpcTarget } from '../call/grpc-target.ts';
import type { Verdict } from '../filter/ext-authz/verdict.ts';
import type { NetworkExtAuthz } from '../model/ext-authz.ts';
import { ConnectionCheckStats } from '../telemetry/connection-check-stats.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { ListenerContext } from './compiled-listener.ts';
import type { ConnectionGate } from './connection-gate.ts';
import type { ConnectionInfo } from './connection-info.ts';

/** Envoy's default for a gRPC service. */
const defaultTimeoutMs = 200;
const metadataNamespace = 'envoy.filters.network.ext_authz';

function requestFor(
  config: NetworkExtAuthz,
  labels: Readonly<Record<string, string>> | undefined,
  { remote, local, tls, serverName }: ConnectionInfo,
): CheckRequest {
  return {
    attributes: {
      source: peerOf(remote, tls, config.includePeerCertificate),
      destination: {
        ...destinationOf(local, tls, labels),
        ...(serverName === '' ? {} : { service: serverName }),
      },
      ...(config.includeTlsSession ? { tlsSession: { sni: serverName } } : {}),
    },
  };
}

/** What the service says of the connection is for filters after this one, and for logs. */
function keep(connection: ConnectionInfo, verdict: Verdict, tookMs: number): void {
  if (verdict.kind === 'error') return;
  const values = { ...verdict.metadata, ...(verdict.kind === 'ok' ? { ext_authz_duration: tookMs } : {}) };
  if (Object.keys(values).length === 0) return;
  const told = { dynamicMetadata: connection.metadata };
  addMetadata(told, metadataNamespace, values);
  connection.metadata = told.dynamicMetadata;
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
        const request = requestFor(config, labels, connection);
        const startMs = clock.monotonicMs();
        const call = checkByGrpc(filterServices.calls, target, request, (verdict) => {
          n.active--;
          keep(connection, verdict, Math.round(clock.monotonicMs() - startMs));
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
