import { isHttp2, type ClientTls, type PortProtocol, type TrafficPolicy } from '@lateen/config';
import { packAny } from '@lateen/protocol';
import type { TransportSocket } from '@lateen/protocol/envoy/config/core/v3';
import { ProxyProtocolUpstreamTransport } from '@lateen/protocol/envoy/extensions/transport_sockets/proxy_protocol/v3';
import type { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import type { NamesFromRequest } from './http-options.ts';
import {
  externalClientSocket,
  meshAlpn,
  meshClientSocket,
  meshHttp2Alpn,
  plainSocket,
} from '../secret/tls-context.ts';

/** What the encryption of a cluster depends on. */
export interface TransportFacts {
  /** Whose cluster it is. */
  readonly kind: 'sidecar' | 'router';
  readonly hostname: string;
  readonly port: number;
  readonly subset: string;
  readonly protocol: PortProtocol;
  /** What a DestinationRule says. */
  readonly tls: ClientTls | undefined;
  readonly proxyProtocol: TrafficPolicy['proxyProtocol'];
  /** Use mutual TLS to each endpoint that takes it. */
  readonly automatic: boolean;
  /** Identities of the service's workloads. */
  readonly identities: readonly string[];
  readonly subjectAltNames: readonly string[];
}

/** The server name by which proxies of the mesh say which cluster they mean. */
function meshServerName({ hostname, port, subset }: TransportFacts): string {
  return `outbound_.${port}_.${subset}_.${hostname}`;
}

/** The transport of a cluster: as its rule says, else mutual TLS to those endpoints that are marked for it. */
export function transportFields(facts: TransportFacts): Partial<Cluster> {
  const fields = encryptionFields(facts);
  if (facts.proxyProtocol === undefined) return fields;
  const version = facts.proxyProtocol.version ?? 'V1';
  const { transportSocketMatches: matches, transportSocket = plainSocket } = fields;
  if (matches === undefined) return { transportSocket: withHeader(transportSocket, version) };
  return {
    transportSocketMatches: matches.map((match) => ({
      ...match,
      transportSocket: withHeader(match.transportSocket ?? plainSocket, version),
    })),
  };
}

/** Says first, by a PROXY protocol header, whose connection it is. */
function withHeader(transportSocket: TransportSocket, version: 'V1' | 'V2'): TransportSocket {
  return {
    name: 'envoy.transport_sockets.upstream_proxy_protocol',
    typedConfig: packAny(ProxyProtocolUpstreamTransport, { config: { version }, transportSocket }),
  };
}

function encryptionFields(facts: TransportFacts): Partial<Cluster> {
  const { tls } = facts;
  const alpnProtocols = isHttp2(facts.protocol) ? meshHttp2Alpn : meshAlpn;
  const mesh = () =>
    meshClientSocket({
      identities: tls?.subjectAltNames ?? facts.identities,
      sni: tls?.sni ?? meshServerName(facts),
      alpnProtocols,
    });
  switch (tls?.mode) {
    case 'DISABLE':
      return {};
    case 'ISTIO_MUTUAL':
      return { transportSocket: mesh() };
    case 'SIMPLE':
    case 'MUTUAL':
      return {
        transportSocket: externalClientSocket(
          tls,
          facts.subjectAltNames,
          isHttp2(facts.protocol) ? ['h2'] : [],
          facts.kind,
        ),
      };
    default:
      if (!facts.automatic) return {};
      return {
        transportSocketMatches: [
          { name: 'tlsMode-istio', match: { tlsMode: 'istio' }, transportSocket: mesh() },
          { name: 'tlsMode-disabled', match: {}, transportSocket: plainSocket },
        ],
      };
  }
}

/** The server's name in TLS is that of the request where the rule names none, and is verified unless that is waived. */
export function namesFromRequest(tls: ClientTls | undefined): NamesFromRequest {
  const serverName = (tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL') && tls.sni === undefined;
  return { serverName, verified: serverName && tls?.insecureSkipVerify !== true };
}
