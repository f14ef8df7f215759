import type { HeaderBlock } from '../codec/header-block.ts';
import type { ResponseHead } from '../codec/head.ts';
import { names } from '../codec/header-name.ts';
import type { CompiledTag, TaggedRequest } from '../telemetry/custom-tags.ts';
import { addCommonTags, addResponseTags, type NodeTags } from './span-tags.ts';
import type { Span } from './span.ts';
import type { TraceContext } from './trace-context.ts';

/** What traces of one connection manager share. */
export interface TraceSetup {
  readonly outbound: boolean;
  readonly spawnsUpstreamSpans: boolean;
  readonly node: NodeTags;
  readonly nextId: () => string;
  readonly nowMs: () => number;
  readonly wallUs: () => number;
  readonly write: (headers: HeaderBlock, context: TraceContext) => void;
  readonly report: (span: Span) => void;
}

interface Try {
  readonly span: Span;
  readonly startMs: number;
  status: number;
}

/** The trace of one sampled request: its span, and one for each try where that is asked for. */
export class RequestTrace {
  readonly #setup: TraceSetup;
  readonly #span: Span;
  readonly #own: readonly CompiledTag[];
  /** Told to the client in the response, for its own span. */
  readonly #operation: string | undefined;
  readonly #startMs: number;
  #try: Try | undefined;

  constructor(setup: TraceSetup, span: Span, own: readonly CompiledTag[], operation: string | undefined) {
    this.#setup = setup;
    this.#span = span;
    this.#own = own;
    this.#operation = operation;
    this.#startMs = setup.nowMs();
  }

  get traceId(): string {
    return this.#span.traceId;
  }

  /** A try begins: gives it a span of its own, and tells the endpoint of that one. */
  startTry(request: TaggedRequest & { readonly request: { readonly headers: HeaderBlock } }): void {
    const setup = this.#setup;
    if (!setup.spawnsUpstreamSpans) return;
    this.#endTry(request);
    const { traceId, id, state } = this.#span;
    const span: Span = {
      traceId,
      id: setup.nextId(),
      parentId: id,
      shared: false,
      kind: 'client',
      name: `router ${request.upstreamCluster} egress`,
      startUs: setup.wallUs(),
      durationUs: 0,
      tags: setup.node.map(([name, value]): [string, string] => [name, value]),
      state,
    };
    if (request.attempts > 1) span.tags.push(['retry.count', String(request.attempts - 1)]);
    this.#try = { span, startMs: setup.nowMs(), status: 0 };
    setup.write(request.request.headers, { traceId, spanId: span.id, parentId: id, sampled: true, state });
  }

  /** The try is answered with this status. */
  answerTry(status: number): void {
    if (this.#try !== undefined) this.#try.status = status;
  }

  #endTry(info: TaggedRequest): void {
    const current = this.#try;
    if (current === undefined) return;
    this.#try = undefined;
    const { span, startMs, status } = current;
    span.durationUs = durationUs(startMs, this.#setup.nowMs());
    const protocol = info.request?.version;
    if (protocol !== undefined) span.tags.push(['http.protocol', protocol]);
    if (info.upstreamHost !== '') span.tags.push(['peer.address', info.upstreamHost]);
    addCommonTags(span.tags, info, { status, failed: false }, this.#own);
    this.#setup.report(span);
  }

  /** Takes the name that the other side has for the request, and tells it ours. */
  onResponse({ headers }: ResponseHead): void {
    if (this.#setup.outbound) {
      const operation = headers.get(names.decoratorOperation);
      if (operation !== undefined && operation !== '') this.#span.name = operation;
    } else if (this.#operation !== undefined) {
      headers.set(names.decoratorOperation, this.#operation);
    }
  }

  end(info: TaggedRequest): void {
    this.#endTry(info);
    const span = this.#span;
    span.durationUs = durationUs(this.#startMs, this.#setup.nowMs());
    addResponseTags(span.tags, info, this.#own);
    this.#setup.report(span);
  }
}

function durationUs(startMs: number, endMs: number): number {
  return Math.max(1, Math.round((endMs - startMs) * 1_000));
}
