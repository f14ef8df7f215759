import type { Host } from '../cluster/host.ts';
import type { Cluster } from '../model/cluster.ts';
import type { NodeIdentity } from '../model/data-plane.ts';
import { names } from '../codec/header-name.ts';
import { CellTable, ConnectionCell, RequestCell } from './mesh-cells.ts';
import { peerOfMetadata, PeerTable, unknownPeer, type Peer } from './peer.ts';
import type { RequestObserver } from './request-observer.ts';
import { formatFlags } from './response-flags.ts';
import { formatLabels, histogramLines, type PrometheusSource } from './stats-registry.ts';
import type { StreamInfo } from './stream-info.ts';

type Direction = 'unspecified' | 'inbound' | 'outbound';

/** Everything about the service that is one label set: made once for a cluster or a host name. */
interface Service {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

const unknownService: Service = { host: 'unknown', name: 'unknown', namespace: 'unknown' };

/** Bits of a cell's code above the status (10) and the flags (24). */
const bit = { inbound: 2 ** 34, grpc: 2 ** 35, mutualTls: 2 ** 36 } as const;
/** The gRPC status, 0 to 16, one up; 0 where there is none. */
const grpcStatusUnit = 2 ** 37;

const maxServices = 2_000;

/**
 * Istio's standard metrics (https://istio.io/latest/docs/reference/config/metrics/), one cell for each set of
 * labels. A request finds its cell by the identity of the peer and of the service and a number of the rest;
 * labels become text when somebody scrapes.
 */
export class MeshMetrics implements RequestObserver, PrometheusSource {
  readonly peers = new PeerTable();
  readonly #self: Peer;
  readonly #trustDomain: string;
  readonly #requests = new CellTable<Peer, Service, RequestCell>(
    () => new RequestCell(),
    [unknownPeer, unknownService],
  );
  readonly #connections = new CellTable<Peer, Service, ConnectionCell>(
    () => new ConnectionCell(),
    [unknownPeer, unknownService],
  );
  readonly #serviceOfCluster = new WeakMap<Cluster, Service>();
  readonly #services = new Map<string, Service>();
  readonly #peerOfHost = new WeakMap<object, Peer>();

  constructor(node: NodeIdentity | undefined) {
    this.#self = peerOfMetadata(node?.metadata ?? {});
    const mesh = node?.metadata['MESH_ID'];
    this.#trustDomain = typeof mesh === 'string' && mesh !== '' ? mesh : 'cluster.local';
  }

  onRequest(info: StreamInfo, direction: Direction): void {
    const inbound = direction === 'inbound';
    const peer = inbound ? (info.peer ?? unknownPeer) : (info.peer ?? this.#peerAt(info.endpoint));
    const contentType = info.request?.headers.get(names.contentType);
    const grpc = contentType !== undefined && contentType.startsWith('application/grpc');
    let code = info.status + info.flags * 1_024;
    if (inbound) code += bit.inbound;
    if (grpc) code += bit.grpc + grpcStatusOf(info) * grpcStatusUnit;
    if ((inbound ? info.downstreamTls : undefined)?.peerCertificate !== undefined) code += bit.mutualTls;
    const cell = this.#requests.get(peer, this.#serviceOf(info), code);
    cell.count++;
    cell.durationMs.record(info.durationMs);
    cell.requestBytes.record(info.bytesReceived);
    cell.responseBytes.record(info.bytesSent);
  }

  /** The cell of a TCP connection; counted while it lasts. */
  connection(
    endpoint: Host | undefined,
    cluster: Cluster | undefined,
    direction: Direction,
    options: { readonly mutualTls: boolean; readonly flags: number },
  ): ConnectionCell {
    const inbound = direction === 'inbound';
    let code = options.flags * 1_024;
    if (inbound) code += bit.inbound;
    if (inbound && options.mutualTls) code += bit.mutualTls;
    const peer = inbound ? unknownPeer : this.#peerAt(endpoint);
    return this.#connections.get(peer, this.#serviceOfModel(cluster, ''), code);
  }

  prometheus(): string {
    const requests: string[] = [];
    const durations: string[] = [];
    const requestBytes: string[] = [];
    const responseBytes: string[] = [];
    this.#requests.forEach((peer, service, code, cell) => {
      if (cell.count === 0) return;
      const labels = this.#labels(peer, service, code, false);
      requests.push(`istio_requests_total${formatLabels(labels)} ${cell.count}\n`);
      durations.push(histogramLines('istio_request_duration_milliseconds', labels, cell.durationMs));
      requestBytes.push(histogramLines('istio_request_bytes', labels, cell.requestBytes));
      responseBytes.push(histogramLines('istio_response_bytes', labels, cell.responseBytes));
    });
    const tcp: Record<'opened' | 'closed' | 'sent' | 'received', string[]> = {
      opened: [],
      closed: [],
      sent: [],
      received: [],
    };
    this.#connections.forEach((peer, service, code, cell) => {
      if (cell.opened === 0 && cell.closed === 0) return;
      const labels = formatLabels(this.#labels(peer, service, code, true));
      tcp.opened.push(`istio_tcp_connections_opened_total${labels} ${cell.opened}\n`);
      tcp.closed.push(`istio_tcp_connections_closed_total${labels} ${cell.closed}\n`);
      tcp.sent.push(`istio_tcp_sent_bytes_total${labels} ${cell.sentBytes}\n`);
      tcp.received.push(`istio_tcp_received_bytes_total${labels} ${cell.receivedBytes}\n`);
    });
    return (
      family('istio_requests_total', 'counter', requests) +
      family('istio_request_duration_milliseconds', 'histogram', durations) +
      family('istio_request_bytes', 'histogram', requestBytes) +
      family('istio_response_bytes', 'histogram', responseBytes) +
      family('istio_tcp_connections_opened_total', 'counter', tcp.opened) +
      family('istio_tcp_connections_closed_total', 'counter', tcp.closed) +
      family('istio_tcp_sent_bytes_total', 'counter', tcp.sent) +
      family('istio_tcp_received_bytes_total', 'counter', tcp.received)
    );
  }

  resetCounters(): void {
    this.#requests.forEach((_peer, _service, _code, cell) => cell.reset());
    this.#connections.forEach((_peer, _service, _code, cell) => cell.reset());
  }

  /** Who runs at an endpoint, from what the control plane says of it. */
  #peerAt(host: Host | undefined): Peer {
    if (host === undefined) return unknownPeer;
    const known = this.#peerOfHost.get(host.endpoint);
    if (known !== undefined) return known;
    const workload = host.endpoint.metadata['istio']?.['workload'];
    const peer = typeof workload === 'string' ? this.peers.byWorkload(workload) : unknownPeer;
    this.#peerOfHost.set(host.endpoint, peer);
    return peer;
  }

  #serviceOf(info: StreamInfo): Service {
    return this.#serviceOfModel(info.upstreamModel, info.request?.authority ?? '');
  }

  /** The service of a cluster, from its metadata; one of a passthrough cluster is whatever was asked for. */
  #serviceOfModel(cluster: Cluster | undefined, authority: string): Service {
    if (cluster === undefined) return unknownService;
    const known = this.#serviceOfCluster.get(cluster);
    if (known !== undefined) return known;
    const services = cluster.metadata['istio']?.['services'];
    const first = (Array.isArray(services) ? services[0] : undefined) as
      | Readonly<Record<string, unknown>>
      | undefined;
    if (first !== undefined) {
      const text = (key: string): string => (typeof first[key] === 'string' ? first[key] : 'unknown');
      const service = this.#service(text('host'), text('name'), text('namespace'));
      this.#serviceOfCluster.set(cluster, service);
      return service;
    }
    return this.#service(authority === '' ? 'unknown' : authority, cluster.name, 'unknown');
  }

  /** The service of these labels: the same object at each call. */
  #service(host: string, name: string, namespace: string): Service {
    const key = `${host} ${name} ${namespace}`;
    let service = this.#services.get(key);
    if (service === undefined) {
      if (this.#services.size >= maxServices) return unknownService;
      service = { host, name, namespace };
      this.#services.set(key, service);
    }
    return service;
  }

  #labels(peer: Peer, service: Service, code: number, tcp: boolean): Readonly<Record<string, string>> {
    const inbound = Math.floor(code / bit.inbound) % 2 === 1;
    const grpc = Math.floor(code / bit.grpc) % 2 === 1;
    const mutual = Math.floor(code / bit.mutualTls) % 2 === 1;
    const grpcStatus = Math.floor(code / grpcStatusUnit);
    const [source, destination] = inbound ? [peer, this.#self] : [this.#self, peer];
    const principal = (of: Peer): string =>
      mutual && of.serviceAccount !== ''
        ? `spiffe://${this.#trustDomain}/ns/${of.namespace}/sa/${of.serviceAccount}`
        : 'unknown';
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
            response_code: String(code % 1_024),
            grpc_response_status: grpcStatus === 0 ? '' : String(grpcStatus - 1),
          }),
      response_flags: formatFlags(Math.floor(code / 1_024) % 2 ** 24),
      connection_security_policy: inbound ? (mutual ? 'mutual_tls' : 'none') : 'unknown',
    };
  }
}

function family(name: string, type: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `# TYPE ${name} ${type}\n${lines.join('')}`;
}

/** One more than the gRPC status of the response; 0 where it has none. */
function grpcStatusOf(info: StreamInfo): number {
  const text = info.responseTrailers?.get(names.grpcStatus) ?? info.response?.headers.get(names.grpcStatus);
  const status = Number(text ?? Number.NaN);
  return Number.isInteger(status) && status >= 0 && status <= 16 ? status + 1 : 0;
}
