import type { MessageCounts } from '../codec/grpc-messages.ts';
import type { Host } from '../cluster/host.ts';
import type { IstioStatsOptions } from '../model/istio-stats.ts';
import { CellTable, ConnectionCell, MessageCell, RequestCell, type RequestBounds } from './mesh-cells.ts';
import {
  codeOfConnection,
  codeOfMessages,
  codeOfRequest,
  labelsOf,
  messageLabels,
  type LabelSource,
} from './mesh-labels.ts';
import type { CelContext } from './cel/cel-attributes.ts';
import type { CelMap } from './cel/cel-evaluation.ts';
import { MeshDimensions, type DimensionedService } from './mesh-dimensions.ts';
import type { MeshSeries, ValueOf } from './mesh-series.ts';
import type { IdentifiedPeer, MeshPrincipals } from './mesh-principals.ts';
import { unknownService, type MeshServices } from './mesh-services.ts';
import { unknownPeer, type Peer } from './peer.ts';
import type { RequestObserver } from './request-observer.ts';
import type { StreamInfo } from './stream-info.ts';

type Direction = 'unspecified' | 'inbound' | 'outbound';

/** Who is who, as all scopes know it. */
export interface MeshDirectory extends LabelSource {
  readonly services: MeshServices;
  readonly principals: MeshPrincipals;
  readonly bounds: RequestBounds | undefined;
  /** For expressions. */
  readonly node: CelMap | undefined;
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
  /** Undefined where no label is an expression. */
  readonly #dimensions: MeshDimensions | undefined;
  readonly #requests: CellTable<IdentifiedPeer, DimensionedService, RequestCell>;
  readonly #messages = new CellTable<IdentifiedPeer, DimensionedService, MessageCell>(
    () => new MessageCell(),
    [unknownPeer, unknownService],
  );
  readonly #connections = new CellTable<IdentifiedPeer, DimensionedService, ConnectionCell>(
    () => new ConnectionCell(),
    [unknownPeer, unknownService],
  );

  constructor(options: IstioStatsOptions, directory: MeshDirectory) {
    this.#options = options;
    this.#directory = directory;
    this.#dimensions = MeshDimensions.of(options);
    this.#requests = new CellTable(() => new RequestCell(directory.bounds), [unknownPeer, unknownService]);
  }

  onRequest(info: StreamInfo, direction: Direction): void {
    const inbound = direction === 'inbound';
    const peer = this.#peerOf(info, inbound);
    const service = this.#serviceOf(info, peer, inbound);
    const cell = this.#requests.get(peer, service, codeOfRequest(info, inbound));
    cell.count++;
    cell.durationMs.record(info.durationMs);
    cell.requestBytes.record(info.bytesReceived);
    cell.responseBytes.record(info.bytesSent);
  }

  onMessages(info: StreamInfo, direction: Direction, messages: MessageCounts): void {
    const inbound = direction === 'inbound';
    const peer = this.#peerOf(info, inbound);
    const cell = this.#messages.get(peer, this.#serviceOf(info, peer, inbound), codeOfMessages(inbound));
    cell.used = true;
    cell.requests += messages.request;
    cell.responses += messages.response;
  }

  #peerOf(info: StreamInfo, inbound: boolean): IdentifiedPeer {
    const { principals } = this.#directory;
    const peer = info.peer ?? (inbound ? unknownPeer : this.#directory.peerAt(info.endpoint));
    return principals.identify(peer, inbound ? info.downstreamTls : info.upstreamTls);
  }

  #serviceOf(info: StreamInfo, peer: Peer, inbound: boolean): DimensionedService {
    const authority = this.#options.hostHeaderFallback ? (info.request?.authority ?? '') : '';
    const service = this.#directory.services.of(info.upstreamModel, authority, info);
    return this.#dimensions === undefined
      ? service
      : this.#dimensions.extend(service, this.#context(info, peer, inbound));
  }

  /** The cell of a TCP connection that is as `info` says; counted while it lasts. */
  connection(info: StreamInfo, direction: Direction): ConnectionCell {
    const inbound = direction === 'inbound';
    const mutualTls = info.downstreamTls?.peerCertificate !== undefined;
    const peer = this.#peerOf(info, inbound);
    let service: DimensionedService = this.#directory.services.of(info.upstreamModel, '');
    if (this.#dimensions !== undefined)
      service = this.#dimensions.extend(service, this.#context(info, peer, inbound));
    return this.#connections.get(peer, service, codeOfConnection(info.flags, inbound, mutualTls));
  }

  #context(info: StreamInfo, peer: Peer, inbound: boolean): CelContext {
    const peers = inbound
      ? { downstream: peer, upstream: undefined }
      : { downstream: undefined, upstream: peer };
    return { info, peers, node: this.#directory.node };
  }

  /** Adds what was counted to what a scrape shows. */
  collect(all: MeshSeries): void {
    const to = all.seenBy(this.#options);
    const valuesOf =
      (service: DimensionedService): ValueOf =>
      (expression) =>
        this.#dimensions?.valueOf(service, expression) ?? 'unknown';
    this.#requests.forEach((peer, service, code, cell) => {
      if (cell.count === 0) return;
      const valueOf = valuesOf(service);
      const labels = labelsOf(this.#directory, peer, service, code, false);
      to.counter('requests_total', labels, cell.count, valueOf);
      to.histogram('request_duration_milliseconds', labels, cell.durationMs, valueOf);
      to.histogram('request_bytes', labels, cell.requestBytes, valueOf);
      to.histogram('response_bytes', labels, cell.responseBytes, valueOf);
    });
    this.#messages.forEach((peer, service, code, cell) => {
      if (!cell.used) return;
      const valueOf = valuesOf(service);
      const labels = messageLabels(labelsOf(this.#directory, peer, service, code, false));
      to.counter('request_messages_total', labels, cell.requests, valueOf);
      to.counter('response_messages_total', labels, cell.responses, valueOf);
    });
    this.#connections.forEach((peer, service, code, cell) => {
      if (cell.opened === 0 && cell.closed === 0) return;
      const valueOf = valuesOf(service);
      const labels = labelsOf(this.#directory, peer, service, code, true);
      to.counter('tcp_connections_opened_total', labels, cell.opened, valueOf);
      to.counter('tcp_connections_closed_total', labels, cell.closed, valueOf);
      to.counter('tcp_sent_bytes_total', labels, cell.sentBytes, valueOf);
      to.counter('tcp_received_bytes_total', labels, cell.receivedBytes, valueOf);
    });
  }

  resetCounters(): void {
    this.#requests.forEach((_peer, _service, _code, cell) => cell.reset());
    this.#messages.forEach((_peer, _service, _code, cell) => cell.reset());
    this.#connections.forEach((_peer, _service, _code, cell) => cell.reset());
  }
}
