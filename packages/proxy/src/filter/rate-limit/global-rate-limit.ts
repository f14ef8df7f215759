import {
  RateLimitService,
  type RateLimitRequest,
  type RateLimitResponse,
  type RateLimitResponse_DescriptorStatus as DescriptorStatus,
} from '@lateen/protocol/envoy/service/ratelimit/v3';
import type { HeaderValue } from '@lateen/protocol/envoy/config/core/v3';
import type { Problem } from '@lateen/core';
import { callGrpc, type GrpcTarget } from '../../call/index.ts';
import { headerName, isHeaderName, names } from '../../codec/header-name.ts';
import { headerValueOf } from '../../codec/header-value.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import type { JsonValue } from '../../model/metadata.ts';
import type { GlobalRateLimit } from '../../model/rate-limit.ts';
import { compileHeaderOperations, type CompiledHeaderOperations } from '../../route/header-operations.ts';
import { CounterGroup } from '../../telemetry/counter-group.ts';
import { flag } from '../../telemetry/response-flags.ts';
import type { FilterServices } from '../filter-services.ts';
import { addMetadata } from '../dynamic-metadata.ts';
import type { CompiledHttpFilter, FilterExchange } from '../http-filter.ts';
import { grpcTarget } from '../../call/grpc-target.ts';
import { DescriptorFinder, type Descriptor } from './descriptors.ts';
import { addLimitHeaders, type LimitNotice } from './limit-headers.ts';

const counters = ['ok', 'over_limit', 'error', 'failure_mode_allowed'] as const;
const resourceExhausted = 8;

/** Seconds of a unit; those that are not here have no window of their own. */
const unitSeconds: Readonly<Record<string, number>> = {
  SECOND: 1,
  MINUTE: 60,
  HOUR: 3_600,
  DAY: 86_400,
  MONTH: 2_592_000,
  YEAR: 31_536_000,
};

/** What the answer to a request is told besides. */
interface Answer {
  readonly notice: LimitNotice | undefined;
  readonly headers: readonly HeaderValue[];
  readonly operations: CompiledHeaderOperations | undefined;
}

/** The notice for the descriptor of which least is left (Envoy, `XRateLimitHeaderUtils`). */
export function noticeOf(statuses: readonly DescriptorStatus[]): LimitNotice | undefined {
  let least: DescriptorStatus | undefined;
  let windows = '';
  for (const status of statuses) {
    const limit = status.currentLimit;
    if (limit === undefined) continue;
    if (least === undefined || (status.limitRemaining ?? 0) < (least.limitRemaining ?? 0)) least = status;
    const seconds = unitSeconds[limit.unit ?? 'UNKNOWN'];
    if (seconds === undefined) continue;
    windows += `, ${limit.requestsPerUnit ?? 0};w=${seconds}`;
    if (limit.name !== undefined && limit.name !== '') windows += `;name="${headerValueOf(limit.name)}"`;
  }
  if (least === undefined) return undefined;
  return {
    limit: `${least.currentLimit?.requestsPerUnit ?? 0}${windows}`,
    remaining: least.limitRemaining ?? 0,
    resetSeconds: Math.floor((least.durationUntilReset ?? 0) / 1_000),
  };
}

function addHeaders(headers: HeaderBlock, list: readonly HeaderValue[]): void {
  for (const { key = '', value, rawValue } of list) {
    if (!isHeaderName(key)) continue;
    const name = headerName(key);
    const text = headerValueOf(
      value ?? (rawValue === undefined ? '' : Buffer.from(rawValue).toString('utf8')),
    );
    // An answer has one type; that of gRPC says how the others are read.
    if (name.lower !== 'content-type') headers.add(name, text);
    else if (headers.get(name) !== 'application/grpc') headers.set(name, text);
  }
}

/** Asks a rate limit service about requests that have descriptors (Envoy, rate limit filter). */
export function globalRateLimitFilter(
  name: string,
  limit: GlobalRateLimit,
  services: FilterServices,
  path: string,
  bad: Problem[],
): CompiledHttpFilter {
  const target: GrpcTarget = { ...grpcTarget(limit.service, services, 0), timeoutMs: limit.timeoutMs };
  const finder = new DescriptorFinder(limit.stage, services.nodeCluster);
  const operations = compileHeaderOperations(
    { add: limit.responseHeaders, remove: [] },
    `${path}.response_headers_to_add`,
    bad,
  );
  const answers = new WeakMap<FilterExchange, Answer>();
  const middle = limit.statPrefix === '' ? '' : `${limit.statPrefix}.`;
  const prometheusPrefix = `envoy_cluster_ratelimit_${middle.replace(/[^a-zA-Z0-9_]/g, '_')}`;

  /** Of a cluster that is not there nothing is kept, as clients may name it. */
  function clusterOf({ route, head, draw }: FilterExchange) {
    return route?.action.kind === 'forward' ? route.action.choose(head, draw)?.ref.cluster : undefined;
  }

  /** Counts for the cluster that the request goes to. */
  function count(exchange: FilterExchange, what: (typeof counters)[number]): void {
    const cluster = clusterOf(exchange)?.name;
    if (cluster === undefined) return;
    const prefix = `cluster.${cluster.replaceAll(':', '_')}.ratelimit.${middle}`;
    const create = () => new CounterGroup(prefix, prometheusPrefix, { cluster_name: cluster }, counters);
    services.statGroup(prefix, create).n[what]++;
  }

  /** True for requests of the kind that the filter is for. */
  function isMeant({ head }: FilterExchange): boolean {
    if (limit.requestType === 'both') return true;
    return (head.headers.get(names.envoyInternal) === 'true') === (limit.requestType === 'internal');
  }

  function domainOf(exchange: FilterExchange): string {
    const config = exchange.routeConfig(name);
    return config?.kind === 'rate_limit_route' && config.domain !== '' ? config.domain : limit.domain;
  }

  function descriptorsOf(exchange: FilterExchange): readonly Descriptor[] {
    const config = exchange.routeConfig(name);
    return finder.find(exchange, config?.kind === 'rate_limit_route' ? config.hostRateLimits : 'override');
  }

  function onResponse(exchange: FilterExchange, response: RateLimitResponse): void {
    const limited = response.overallCode === 'OVER_LIMIT';
    answers.set(exchange, {
      notice: limit.xRateLimitHeaders ? noticeOf(response.statuses ?? []) : undefined,
      headers: response.responseHeadersToAdd ?? [],
      operations: limited ? operations : undefined,
    });
    if (response.dynamicMetadata !== undefined) {
      const values = response.dynamicMetadata as { readonly [key: string]: JsonValue };
      addMetadata(exchange, 'envoy.filters.http.ratelimit', values);
    }
    if (!limited) {
      count(exchange, 'ok');
      addHeaders(exchange.head.headers, response.requestHeadersToAdd ?? []);
      exchange.continueRequest();
      return;
    }
    count(exchange, 'over_limit');
    clusterOf(exchange)?.stats.countStatus(limit.status);
    exchange.addFlag(flag.rateLimited);
    const body = Buffer.from(response.rawBody ?? []);
    exchange.reply(limit.status, body.toString('utf8'), 'request_rate_limited', {
      ...(body.length === 0 ? {} : { rawBody: body }),
      headers: limit.limitedHeader ? [['x-envoy-ratelimited', 'true']] : [],
      ...(limit.resourceExhausted ? { grpcStatus: resourceExhausted } : {}),
    });
  }

  function onFailure(exchange: FilterExchange): void {
    count(exchange, 'error');
    if (!limit.failureModeDeny) {
      count(exchange, 'failure_mode_allowed');
      exchange.continueRequest();
      return;
    }
    exchange.addFlag(flag.rateLimitServiceError);
    exchange.reply(limit.statusOnError, '', 'rate_limiter_error');
  }

  return {
    name,
    onRequest(exchange) {
      if (!isMeant(exchange)) return 'continue';
      const descriptors = descriptorsOf(exchange);
      if (descriptors.length === 0) return 'continue';
      const message: RateLimitRequest = {
        domain: domainOf(exchange),
        descriptors: descriptors.map(({ entries, limit: override }) => ({
          entries: entries.map(([key, value]) => ({ key, value })),
          ...(override === undefined ? {} : { limit: override }),
        })),
      };
      const call = callGrpc(services.calls, target, RateLimitService.shouldRateLimit, message, (result) => {
        if (result.kind === 'answer') onResponse(exchange, result.message);
        else onFailure(exchange);
      });
      exchange.atEnd(() => call.cancel());
      return 'stop';
    },
    onResponse(exchange, response) {
      const answer = answers.get(exchange);
      if (answer === undefined) return;
      if (answer.notice !== undefined) addLimitHeaders(response.headers, answer.notice);
      addHeaders(response.headers, answer.headers);
      answer.operations?.apply(response.headers, exchange);
    },
  };
}
