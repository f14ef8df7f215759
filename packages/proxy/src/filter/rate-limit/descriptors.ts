import { compileHeaderMatch, firstHeaderReader } from '../../decide/header-match.ts';
import { maskedAddress } from '../../decide/masked-address.ts';
import { compileQueryMatch } from '../../decide/query-match.ts';
import { textOfHeaderValue } from '../../codec/header-value.ts';
import type { JsonValue } from '../../model/metadata.ts';
import type { HostRateLimits, RateLimitAction, RateLimitRule } from '../../model/rate-limit.ts';
import { metadataAt } from '../../decide/metadata-at.ts';
import type { FilterExchange } from '../http-filter.ts';

const units = ['SECOND', 'MINUTE', 'HOUR', 'DAY', 'MONTH', 'YEAR'] as const;
type LimitUnit = (typeof units)[number];

export type Entry = readonly [key: string, value: string];

/** What of a request is counted together. */
export interface Descriptor {
  readonly entries: readonly Entry[];
  /** In place of what the service would allow. */
  readonly limit: { readonly requestsPerUnit: number; readonly unit: LimitUnit } | undefined;
}

/** `skip`: no entry, and the descriptor all the same. Undefined: no descriptor. */
type EntryOf = (exchange: FilterExchange) => Entry | 'skip' | undefined;

/** Compiles an action. Throws where a regular expression is none. */
function compileEntry(action: RateLimitAction, sourceCluster: string): EntryOf {
  switch (action.kind) {
    case 'source_cluster':
      return () => ['source_cluster', sourceCluster];
    case 'destination_cluster':
      return (exchange) => {
        const target = exchange.route?.action;
        if (target?.kind !== 'forward') return undefined;
        const cluster = target.choose(exchange.head, exchange.draw)?.ref.name;
        return cluster === undefined ? undefined : ['destination_cluster', cluster];
      };
    case 'remote_address':
      return ({ client }) => ['remote_address', client.address];
    case 'masked_remote_address':
      return ({ client }) => {
        const network = maskedAddress(client.address, action.v4PrefixLength, action.v6PrefixLength);
        return network === undefined ? undefined : ['masked_remote_address', network];
      };
    case 'request_headers': {
      const read = firstHeaderReader(action.header);
      return ({ head }) => {
        const value = read(head);
        if (value === undefined) return action.skipIfAbsent ? 'skip' : undefined;
        return [action.key, textOfHeaderValue(value)];
      };
    }
    case 'generic_key':
      return () => [action.key, action.value];
    case 'header_value_match': {
      const tests = action.headers.map(compileHeaderMatch);
      return ({ head }) =>
        tests.every((test) => test(head)) === action.expectMatch ? [action.key, action.value] : undefined;
    }
    case 'query_parameter_value_match': {
      const tests = action.parameters.map(compileQueryMatch);
      return ({ head }) =>
        tests.every((test) => test(head.path)) === action.expectMatch
          ? [action.key, action.value]
          : undefined;
    }
    default:
      return (exchange) => {
        const { namespace, path } = action.metadata;
        const source =
          action.source === 'dynamic' ? exchange.dynamicMetadata : exchange.route?.route.metadata;
        const found = metadataAt(source, namespace, path);
        const value = typeof found === 'string' && found !== '' ? found : action.defaultValue;
        if (value !== '') return [action.key, value];
        return action.skipIfAbsent ? 'skip' : undefined;
      };
  }
}

type DescriptorOf = (exchange: FilterExchange) => Descriptor | undefined;

function limitOf(value: JsonValue | undefined): Descriptor['limit'] {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  const { requests_per_unit: requests, unit: name } = value as { readonly [key: string]: JsonValue };
  const unit = units.find((one) => one === name);
  return typeof requests === 'number' && unit !== undefined ? { requestsPerUnit: requests, unit } : undefined;
}

function compileRule(rule: RateLimitRule, sourceCluster: string): DescriptorOf {
  const actions = rule.actions.map((action) => compileEntry(action, sourceCluster));
  const { limit, enabled } = rule;
  return (exchange) => {
    if (enabled !== undefined && exchange.random() * enabled.denominator >= enabled.numerator) {
      return undefined;
    }
    const entries: Entry[] = [];
    for (const action of actions) {
      const entry = action(exchange);
      if (entry === undefined) return undefined;
      if (entry !== 'skip') entries.push(entry);
    }
    if (entries.length === 0) return undefined;
    return {
      entries,
      limit:
        limit === undefined
          ? undefined
          : limitOf(metadataAt(exchange.dynamicMetadata, limit.namespace, limit.path)),
    };
  };
}

/**
 * Finds the descriptors of requests by the rules of their route and virtual host, for one stage; rules are compiled
 * when they are first used. Source: Envoy, `RateLimit`, `RateLimitPerRoute.vh_rate_limits`.
 */
export class DescriptorFinder {
  readonly #stage: number;
  readonly #sourceCluster: string;
  readonly #compiled = new WeakMap<readonly RateLimitRule[], readonly DescriptorOf[]>();

  constructor(stage: number, sourceCluster: string) {
    this.#stage = stage;
    this.#sourceCluster = sourceCluster;
  }

  find(exchange: FilterExchange, host: HostRateLimits): readonly Descriptor[] {
    const { route } = exchange;
    // What the proxy answers itself is not limited.
    if (route?.route.action.kind !== 'forward') return [];
    const { action } = route.route;
    const own = action.rateLimits;
    const found: Descriptor[] = [];
    this.#collect(own, exchange, found);
    const includes = host === 'include' || action.includeHostRateLimits;
    if (includes || (host === 'override' && own.length === 0)) {
      this.#collect(route.virtualHost.rateLimits, exchange, found);
    }
    return found;
  }

  #collect(rules: readonly RateLimitRule[], exchange: FilterExchange, found: Descriptor[]): void {
    if (rules.length === 0) return;
    let compiled = this.#compiled.get(rules);
    if (compiled === undefined) {
      compiled = rules
        .filter(({ stage }) => stage === this.#stage)
        .map((rule) => compileRule(rule, this.#sourceCluster));
      this.#compiled.set(rules, compiled);
    }
    for (const one of compiled) {
      const descriptor = one(exchange);
      if (descriptor !== undefined) found.push(descriptor);
    }
  }
}
