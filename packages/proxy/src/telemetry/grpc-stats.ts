import type { MessageCounts } from '../codec/grpc-messages.ts';
import { isGrpc } from '../codec/grpc-timeout.ts';
import type { GrpcStatsOptions } from '../model/http-filter.ts';
import { grpcStatusOf } from './grpc-status.ts';
import { Histogram } from './histogram.ts';
import type { RequestObserver } from './request-observer.ts';
import type { StatGroup, StatVisitor } from './stat-group.ts';
import type { StreamInfo } from './stream-info.ts';

/** What became of the calls to one cluster, or to one method of a service there: Envoy's `cluster.NAME.grpc.…`. */
class GrpcCallStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_cluster_grpc_';
  readonly labels: Readonly<Record<string, string>>;
  success = 0;
  failure = 0;
  requestMessages = 0;
  responseMessages = 0;
  readonly statuses = new Map<number, number>();
  readonly times: Histogram | undefined;

  constructor(cluster: string, method: GrpcMethod | undefined, hasTimes: boolean) {
    const name = method === undefined ? '' : `${method.service}.${method.name}.`;
    this.prefix = `cluster.${cluster}.grpc.${name}`;
    this.labels = {
      cluster_name: cluster,
      ...(method === undefined
        ? {}
        : { grpc_bridge_service: method.service, grpc_bridge_method: method.name }),
    };
    this.times = hasTimes ? new Histogram() : undefined;
  }

  count(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (status === 0) this.success++;
    else this.failure++;
  }

  visit(visitor: StatVisitor): void {
    for (const [status, count] of this.statuses) visitor.number(String(status), 'counter', count);
    visitor.number('success', 'counter', this.success);
    visitor.number('failure', 'counter', this.failure);
    visitor.number('total', 'counter', this.success + this.failure);
    visitor.number('request_message_count', 'counter', this.requestMessages);
    visitor.number('response_message_count', 'counter', this.responseMessages);
    if (this.times !== undefined) visitor.histogram('upstream_rq_time', this.times);
  }

  resetCounters(): void {
    this.success = 0;
    this.failure = 0;
    this.requestMessages = 0;
    this.responseMessages = 0;
    this.statuses.clear();
  }
}

interface GrpcMethod {
  readonly service: string;
  readonly name: string;
}

/** Names come from paths of clients, who may make up as many as they like: those above are counted without. */
const mostMethods = 1_000;

/** Counts the gRPC requests of a connection manager by cluster and, where it is told to, by method. */
export class GrpcStats implements RequestObserver {
  readonly #options: GrpcStatsOptions;
  readonly #groupOf: (key: string, create: () => GrpcCallStats) => GrpcCallStats;
  readonly #byPath = new Map<string, GrpcMethod | undefined>();

  /** `groupOf` gives what is there under a key, and else makes it. */
  constructor(
    options: GrpcStatsOptions,
    groupOf: (key: string, create: () => GrpcCallStats) => GrpcCallStats,
  ) {
    this.#options = options;
    this.#groupOf = groupOf;
  }

  onRequest(info: StreamInfo): void {
    const stats = this.#statsFor(info);
    if (stats === undefined) return;
    stats.count(grpcStatusOf(info) ?? unknownStatus);
    if (stats.times !== undefined) stats.times.record(info.durationMs - (info.requestDurationMs ?? 0));
  }

  onMessages(info: StreamInfo, _direction: unknown, messages: MessageCounts): void {
    const stats = this.#statsFor(info);
    if (stats === undefined) return;
    stats.requestMessages += messages.request;
    stats.responseMessages += messages.response;
  }

  /** Undefined for what is no gRPC, or has no cluster. */
  #statsFor({ request, upstreamModel, upstreamCluster }: StreamInfo): GrpcCallStats | undefined {
    if (request === undefined || upstreamCluster === '' || !isGrpc(request.headers)) return undefined;
    const cluster = upstreamModel?.statName ?? upstreamCluster;
    const method = this.#methodOf(request.path);
    const key = method === undefined ? '' : `${method.service}/${method.name}`;
    const { hasTimes } = this.#options;
    return this.#groupOf(`grpc ${cluster} ${key}`, () => new GrpcCallStats(cluster, method, hasTimes));
  }

  #methodOf(path: string): GrpcMethod | undefined {
    const { methods } = this.#options;
    if (methods === 'none') return undefined;
    if (this.#byPath.has(path)) return this.#byPath.get(path);
    if (this.#byPath.size >= mostMethods) return undefined;
    const [empty, service = '', name = '', ...more] = path.split('?', 1)[0]?.split('/') ?? [];
    const isCall = empty === '' && service !== '' && name !== '' && more.length === 0;
    const isCounted = isCall && (methods === 'all' || methods.has(`${service}/${name}`));
    const shown = this.#options.replacesDots ? service.replaceAll('.', '_') : service;
    const method = isCounted ? { service: shown, name } : undefined;
    this.#byPath.set(path, method);
    return method;
  }
}

/** UNKNOWN: what a client takes an answer without a status for. */
const unknownStatus = 2;
