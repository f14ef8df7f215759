import { isGrpc } from '../codec/grpc-timeout.ts';
import { names } from '../codec/header-name.ts';
import type { Service } from './mesh-services.ts';
import type { IdentifiedPeer } from './mesh-principals.ts';
import type { Peer } from './peer.ts';
import { formatFlags } from './response-flags.ts';
import type { StreamInfo } from './stream-info.ts';

/** Of a cell's code above the status (10 bits): as many as flags may have, since one is an integer of 32 bits. */
const flagsUnit = 2 ** 10;
const flagsRange = 2 ** 31;
/** Bits above the flags. */
const bit = { inbound: 2 ** 41, grpc: 2 ** 42, mutualTls: 2 ** 43 } as const;
/** The gRPC status, 0 to 16, one up; 0 where there is none. */
const grpcStatusUnit = 2 ** 44;

/** What of a request is no peer and no service, as a number. */
export function codeOfRequest(info: StreamInfo, inbound: boolean): number {
  let code = info.status + info.flags * flagsUnit;
  if (inbound) code += bit.inbound;
  if (info.request !== undefined && isGrpc(info.request.headers))
    code += bit.grpc + grpcStatusOf(info) * grpcStatusUnit;
  if ((inbound ? info.downstreamTls : undefined)?.peerCertificate !== undefined) code += bit.mutualTls;
  return code;
}

/** The same of messages of gRPC, of which the end of the request is not known. */
export function codeOfMessages(inbound: boolean): number {
  return bit.grpc + (inbound ? bit.inbound : 0);
}

/** The same of a TCP connection. */
export function codeOfConnection(flags: number, inbound: boolean, mutualTls: boolean): number {
  let code = flags * flagsUnit;
  if (inbound) code += bit.inbound;
  if (inbound && mutualTls) code += bit.mutualTls;
  return code;
}

/** One more than the gRPC status of the response; 0 where it has none. */
function grpcStatusOf(info: StreamInfo): number {
  const text = info.responseTrailers?.get(names.grpcStatus) ?? info.response?.headers.get(names.grpcStatus);
  const status = Number(text ?? Number.NaN);
  return Number.isInteger(status) && status >= 0 && status <= 16 ? status + 1 : 0;
}

export type Labels = Readonly<Record<string, string>>;

/** What each series of this proxy says of itself. */
export interface LabelSource {
  readonly self: Peer;
}

/** The labels of a cell, in Istio's order. */
export function labelsOf(
  { self }: LabelSource,
  peer: IdentifiedPeer,
  service: Service,
  code: number,
  tcp: boolean,
): Labels {
  const inbound = Math.floor(code / bit.inbound) % 2 === 1;
  const grpc = Math.floor(code / bit.grpc) % 2 === 1;
  const mutual = Math.floor(code / bit.mutualTls) % 2 === 1;
  const grpcStatus = Math.floor(code / grpcStatusUnit);
  const [source, destination] = inbound ? [peer, self] : [self, peer];
  const principal = (of: Peer): string => (of === peer ? peer.peerPrincipal : peer.ownPrincipal) || 'unknown';
  return {
    reporter: inbound ? 'destination' : 'source',
    source_workload: source.workload,
    source_canonical_service: source.canonicalService,
    source_canonical_revision: source.canonicalRevision,
    source_workload_namespace: source.namespace,
    source_principal: principal(source),
    source_app: source.app,
    source_version: source.version,
    source_cluster: source.cluster,
    destination_workload: destination.workload,
    destination_workload_namespace: destination.namespace,
    destination_principal: principal(destination),
    destination_app: destination.app,
    destination_version: destination.version,
    destination_service: service.host,
    destination_canonical_service: destination.canonicalService,
    destination_canonical_revision: destination.canonicalRevision,
    destination_service_name: service.name,
    destination_service_namespace: service.namespace,
    destination_cluster: destination.cluster,
    request_protocol: tcp ? 'tcp' : grpc ? 'grpc' : 'http',
    ...(tcp
      ? {}
      : {
          response_code: String(code % flagsUnit),
          grpc_response_status: grpcStatus === 0 ? '' : String(grpcStatus - 1),
        }),
    response_flags: formatFlags(Math.floor(code / flagsUnit) % flagsRange),
    connection_security_policy: inbound ? (mutual ? 'mutual_tls' : 'none') : 'unknown',
  };
}

/** What is known of a request only when it is over: messages are counted without it. */
const knownAtEnd: readonly string[] = [
  'request_protocol',
  'response_code',
  'grpc_response_status',
  'response_flags',
  'connection_security_policy',
];

/** Without the labels of these names. */
export function without(labels: Labels, names: readonly string[]): Labels {
  if (names.length === 0) return labels;
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !names.includes(name)));
}

/** The labels of Istio's counts of messages. */
export function messageLabels(labels: Labels): Labels {
  return without(labels, knownAtEnd);
}
