import type { HeaderBlock } from '../codec/header-block.ts';
import type { RequestHead, ResponseHead } from '../codec/head.ts';
import { names } from '../codec/header-name.ts';
import { decideTrace, reasonOfId, withReason, type TraceReason } from '../decide/trace-decision.ts';
import type { Fraction } from '../model/string-match.ts';
import type {
  RequestIdOptions,
  RouteTracing,
  TraceProvider,
  TraceSampling,
  Tracing,
} from '../model/tracing.ts';
import type { CompiledRoute } from '../route/virtual-host.ts';
import type { TraceDecisionStats } from '../telemetry/trace-stats.ts';
import { readB3, writeB3, type FoundContext } from './b3.ts';
import { compileCustomTags, type CompiledTag, type TaggedRequest } from '../telemetry/custom-tags.ts';
import { RequestTrace, type TraceSetup } from './request-trace.ts';
import { clientTraceId, type NodeTags } from './span-tags.ts';
import type { Span } from './span.ts';
import type { SpanIds, TraceContext } from './trace-context.ts';
import { readTraceparent, writeTraceparent } from './traceparent.ts';
import type { EnvSource } from '../env.ts';

/** A request that may be traced. */
export interface TraceableRequest extends TaggedRequest {
  readonly head: RequestHead;
  readonly route: CompiledRoute | undefined;
}

/** What all tracers of a data plane share. */
export interface TracerServices {
  readonly node: NodeTags;
  readonly ids: SpanIds;
  readonly env: EnvSource;
  readonly random: () => number;
  /** A share as the runtime has it. */
  readonly live: (share: Fraction, runtimeKey: string) => Fraction;
  readonly nowMs: () => number;
  readonly wallUs: () => number;
}

/** What is told of requests, and of which. */
interface Rules {
  readonly sampling: TraceSampling;
  readonly tags: readonly CompiledTag[];
}

/** Decides which requests of a connection manager are traced, and how the next proxy is told of it. */
export class Tracer {
  readonly #tracing: Tracing;
  readonly #requestId: RequestIdOptions;
  readonly #services: TracerServices;
  readonly #stats: TraceDecisionStats;
  readonly #setup: TraceSetup;
  readonly #provider: TraceProvider;
  readonly #read: (headers: HeaderBlock) => FoundContext;
  readonly #rules: Rules;
  readonly #rulesOfRoutes = new WeakMap<RouteTracing, Rules>();

  constructor(
    tracing: Tracing,
    provider: TraceProvider,
    requestId: RequestIdOptions,
    outbound: boolean,
    stats: TraceDecisionStats,
    services: TracerServices,
    report: (span: Span) => void,
  ) {
    this.#tracing = tracing;
    this.#provider = provider;
    this.#requestId = requestId;
    this.#services = services;
    this.#stats = stats;
    const zipkin = provider.kind === 'zipkin';
    this.#read = zipkin ? readB3 : readTraceparent;
    this.#setup = {
      outbound,
      spawnsUpstreamSpans: tracing.spawnUpstreamSpan,
      maxPathTagLength: tracing.maxPathTagLength,
      nextId: () => services.ids.next(),
      nowMs: services.nowMs,
      wallUs: services.wallUs,
      write: zipkin ? writeB3 : writeTraceparent,
      report,
    };
    this.#rules = this.#compileRules(tracing.sampling, tracing.customTags);
  }

  /** Decides about a request whose route is known, and writes the context into its head; a trace where it is sampled. */
  begin(request: TraceableRequest): RequestTrace | undefined {
    const { head, route } = request;
    const rules = this.#rulesOf(route);
    const decided = this.#decide(head, rules) !== 'not_traceable';
    const operation = this.#nameBetweenProxies(head, route);
    const found = this.#read(head.headers);
    // As Envoy: a context that cannot be read is neither joined nor replaced.
    if (found === 'malformed') return undefined;
    const sampled = found.sampled ?? decided;
    const context = this.#contextOf(found, sampled);
    if (!sampled) {
      this.#setup.write(head.headers, this.#unsampledOf(context));
      return undefined;
    }
    this.#setup.write(head.headers, context);
    const span = this.#spanOf(context, operation.own ?? head.authority);
    return new RequestTrace(this.#setup, span, rules.tags, operation.told);
  }

  /** What a response says to other proxies about the name of a request. */
  onResponse(trace: RequestTrace | undefined, head: ResponseHead): void {
    trace?.onResponse(head);
    if (this.#setup.outbound) head.headers.remove(names.decoratorOperation);
  }

  #decide(head: RequestHead, rules: Rules): TraceReason {
    const { headers } = head;
    let reason: TraceReason = 'sampling';
    if (this.#requestId.usedForSampling) {
      const id = headers.get(names.requestId);
      const wish = { hasClientTraceId: headers.has(clientTraceId), forced: headers.has(names.forceTrace) };
      const { packTraceReason } = this.#requestId;
      reason = decideTrace(id, wish, rules.sampling, this.#services.random, packTraceReason);
      if (id !== undefined && packTraceReason && reasonOfId(id) !== reason) {
        headers.set(names.requestId, withReason(id, reason));
      }
    }
    const { n } = this.#stats;
    if (reason === 'sampling') n.randomSampling++;
    else if (reason === 'client_forced') n.clientEnabled++;
    else if (reason === 'service_forced') n.serviceForced++;
    else n.notTraceable++;
    return reason;
  }

  /**
   * The operation that the span is named by, and the one that the client is told: a client's proxy tells its own to
   * that of the server, whose span takes it; else the server's tells its own (Envoy, `Decorator.propagate`).
   */
  #nameBetweenProxies(
    { headers }: RequestHead,
    route: CompiledRoute | undefined,
  ): { readonly own: string | undefined; readonly told: string | undefined } {
    const decorator = route?.route.decorator;
    const own = decorator === undefined || decorator.operation === '' ? undefined : decorator.operation;
    const told = decorator?.propagate === true ? own : undefined;
    if (this.#setup.outbound) {
      if (told !== undefined) headers.set(names.decoratorOperation, told);
      return { own, told };
    }
    const given = headers.get(names.decoratorOperation);
    if (given === undefined) return { own, told };
    headers.remove(names.decoratorOperation);
    return given === '' ? { own, told } : { own: given, told: undefined };
  }

  /** With spans of its own for its tries a proxy is a server in between. */
  get #isServer(): boolean {
    return !this.#setup.outbound || this.#setup.spawnsUpstreamSpans;
  }

  /** True where a span is that of the client, too. As Envoy: also that of a trace which begins here. */
  get #isShared(): boolean {
    const provider = this.#provider;
    return provider.kind === 'zipkin' && provider.sharedSpanContext && this.#isServer;
  }

  /** What endpoints are told of a request without spans: as if its try had one, where tries have them. */
  #unsampledOf(context: TraceContext): TraceContext {
    if (!this.#setup.spawnsUpstreamSpans) return context;
    return { ...context, spanId: this.#services.ids.next(), parentId: context.spanId };
  }

  #contextOf(found: Exclude<FoundContext, 'malformed'>, sampled: boolean): TraceContext {
    const { ids } = this.#services;
    if (found.traceId === undefined) {
      const provider = this.#provider;
      const spanId = ids.next();
      // As Envoy: the root's span id is also the low half of its trace id.
      const traceId = provider.kind !== 'zipkin' || provider.traceId128bit ? ids.next() + spanId : spanId;
      return { traceId, spanId, parentId: undefined, sampled, state: undefined };
    }
    const { traceId, state } = found;
    return this.#isShared
      ? { traceId, spanId: found.spanId, parentId: found.parentId, sampled, state }
      : { traceId, spanId: ids.next(), parentId: found.spanId, sampled, state };
  }

  #spanOf({ traceId, spanId, parentId, state }: TraceContext, name: string): Span {
    const { node, wallUs } = this.#services;
    return {
      traceId,
      id: spanId,
      parentId,
      shared: this.#isShared,
      kind: this.#isServer ? 'server' : 'client',
      name,
      startUs: wallUs(),
      durationUs: 0,
      tags: node.map(([key, value]): [string, string] => [key, value]),
      state,
    };
  }

  #rulesOf(route: CompiledRoute | undefined): Rules {
    const tracing = route?.route.tracing;
    if (tracing === undefined) return this.#rules;
    let rules = this.#rulesOfRoutes.get(tracing);
    if (rules === undefined) {
      rules = this.#compileRules(tracing.sampling, [...this.#tracing.customTags, ...tracing.customTags]);
      this.#rulesOfRoutes.set(tracing, rules);
    }
    return rules;
  }

  #compileRules({ client, random, overall }: TraceSampling, tags: Tracing['customTags']): Rules {
    const { live, env } = this.#services;
    return {
      // Envoy, "Runtime" of the HTTP connection manager.
      sampling: {
        client: live(client, 'tracing.client_enabled'),
        random: live(random, 'tracing.random_sampling'),
        overall: live(overall, 'tracing.global_enabled'),
      },
      tags: compileCustomTags(tags, env),
    };
  }
}
