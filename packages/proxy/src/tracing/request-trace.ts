import type { HeaderBlock } from '../codec/header-block.ts';
import type { ResponseHead } from '../codec/head.ts';
import { names } from '../codec/header-name.ts';
import type { CompiledTag, TaggedRequest } from '../telemetry/custom-tags.ts';
import { addCommonTags, addGrpcTags, addRequestTags, addTryTags, setTag, shownCluster } from './span-tags.ts';
import type { Span } from './span.ts';
import type { TraceContext } from './trace-context.ts';

/** What traces of one connection manager share. */
export interface TraceSetup {
  readonly outbound: boolean;
  readonly spawnsUpstreamSpans: boolean;
  readonly maxPathTagLength: number;
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
      name: `router ${shownCluster(request)} egress`,
      startUs: setup.wallUs(),
      durationUs: 0,
      tags: [],
      state,
    };
    if (request.attempts > 1) span.tags.push(['retry.count', String(request.attempts - 1)]);
    this.#try = { span, startMs: setup.nowMs(), status: 0 };
    setup.write(request.request.headers, { traceId, spanId: span.id, parentId: id, sampled: true, state });
  }

  answerTry({ status, headers }: ResponseHead): void {
    if (this.#try === undefined) return;
    this.#try.status = status;
    addGrpcTags(this.#try.span.tags, headers);
  }

  /** The try ends without an answer, or before the end of it. */
  failTry(reason: string): void {
    if (this.#try === undefined) return;
    setTag(this.#try.span.tags, 'error', 'true');
    setTag(this.#try.span.tags, 'error.reason', reason);
  }

  #endTry(info: TaggedRequest): void {
    const current = this.#try;
    if (current === undefined) return;
    this.#try = undefined;
    const { span, startMs, status } = current;
    span.durationUs = durationUs(startMs, this.#setup.nowMs());
    addTryTags(span.tags, info, status, this.#own);
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
    if (info.responseTrailers !== undefined && this.#try !== undefined)
      addGrpcTags(this.#try.span.tags, info.responseTrailers);
    this.#endTry(info);
    const span = this.#span;
    span.durationUs = durationUs(this.#startMs, this.#setup.nowMs());
    addRequestTags(span.tags, info, this.#setup.maxPathTagLength);
    addCommonTags(span.tags, info, info.status, this.#own);
    if (info.response !== undefined) addGrpcTags(span.tags, info.response.headers);
    if (info.responseTrailers !== undefined) addGrpcTags(span.tags, info.responseTrailers);
    this.#setup.report(span);
  }
}

function durationUs(startMs: number, endMs: number): number {
  return Math.max(1, Math.round((endMs - startMs) * 1_000));
}
