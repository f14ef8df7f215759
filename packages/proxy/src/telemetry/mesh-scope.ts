import type { Host } from '../cluster/host.ts';
import type { Cluster } from '../model/cluster.ts';
import type { IstioStatsOptions } from '../model/istio-stats.ts';
import { CellTable, ConnectionCell, RequestCell, type RequestBounds } from './mesh-cells.ts';
import { codeOfConnection, codeOfRequest, labelsOf, messageLabels, type LabelSource } from './mesh-labels.ts';
import type { MeshSeries } from './mesh-series.ts';
import { unknownService, type MeshServices, type Service } from './mesh-services.ts';
import { unknownPeer, type Peer } from './peer.ts';
import type { RequestObserver } from './request-observer.ts';
import type { StreamInfo } from './stream-info.ts';

type Direction = 'unspecified' | 'inbound' | 'outbound';

/** Who is who, as all scopes know it. */
export interface MeshDirectory extends LabelSource {
  readonly services: MeshServices;
  readonly bounds: RequestBounds | undefined;
  /** Who runs at an endpoint. */
  peerAt(host: Host | undefined): Peer;
}

/**
 * What filters of the same options count: one cell for each set of labels. A request finds its cell by the identity of
 * the peer and of the service and a number of the rest; labels become text, and options hold, when somebody scrapes.
 */
export class MeshScope implements RequestObserver {
  readonly #options: IstioStatsOptions;
  readonly #directory: MeshDirectory;
  readonly #requests: CellTable<Peer, Service, RequestCell>;
  readonly #connections = new CellTable<Peer, Service, ConnectionCell>(
    () => new ConnectionCell(),
    [unknownPeer, unknownService],
  );

  constructor(options: IstioStatsOptions, directory: MeshDirectory) {
    this.#options = options;
    this.#directory = directory;
    this.#requests = new CellTable(() => new RequestCell(directory.bounds), [unknownPeer, unknownService]);
  }

  onRequest(info: StreamInfo, direction: Direction): void {
    const inbound = direction === 'inbound';
    const peer = inbound ? (info.peer ?? unknownPeer) : (info.peer ?? this.#directory.peerAt(info.endpoint));
    const authority = this.#options.hostHeaderFallback ? (info.request?.authority ?? '') : '';
    const service = this.#directory.services.of(info.upstreamModel, authority, info.routeName);
    const cell = this.#requests.get(peer, service, codeOfRequest(info, inbound));
    cell.count++;
    cell.durationMs.record(info.durationMs);
    cell.requestBytes.record(info.bytesReceived);
    cell.responseBytes.record(info.bytesSent);
    const messages = info.grpcMessages;
    if (messages === undefined) return;
    cell.streams++;
    cell.requestMessages += messages.request.count;
    cell.responseMessages += messages.response.count;
  }

  /** The cell of a TCP connection; counted while it lasts. */
  connection(
    endpoint: Host | undefined,
    cluster: Cluster | undefined,
    direction: Direction,
    options: { readonly mutualTls: boolean; readonly flags: number },
  ): ConnectionCell {
    const inbound = direction === 'inbound';
    const code = codeOfConnection(options.flags, inbound, options.mutualTls);
    const peer = inbound ? unknownPeer : this.#directory.peerAt(endpoint);
    return this.#connections.get(peer, this.#directory.services.of(cluster, ''), code);
  }

  /** Adds what was counted to what a scrape shows. */
  collect(all: MeshSeries): void {
    const to = all.seenBy(this.#options);
    this.#requests.forEach((peer, service, code, cell) => {
      if (cell.count === 0) return;
      const labels = labelsOf(this.#directory, peer, service, code, false);
      to.counter('requests_total', labels, cell.count);
      to.histogram('request_duration_milliseconds', labels, cell.durationMs);
      to.histogram('request_bytes', labels, cell.requestBytes);
      to.histogram('response_bytes', labels, cell.responseBytes);
      if (cell.streams === 0) return;
      const early = messageLabels(labels);
      to.counter('request_messages_total', early, cell.requestMessages);
      to.counter('response_messages_total', early, cell.responseMessages);
    });
    this.#connections.forEach((peer, service, code, cell) => {
      if (cell.opened === 0 && cell.closed === 0) return;
      const labels = labelsOf(this.#directory, peer, service, code, true);
      to.counter('tcp_connections_opened_total', labels, cell.opened);
      to.counter('tcp_connections_closed_total', labels, cell.closed);
      to.counter('tcp_sent_bytes_total', labels, cell.sentBytes);
      to.counter('tcp_received_bytes_total', labels, cell.receivedBytes);
    });
  }

  resetCounters(): void {
    this.#requests.forEach((_peer, _service, _code, cell) => cell.reset());
    this.#connections.forEach((_peer, _service, _code, cell) => cell.reset());
  }
}
