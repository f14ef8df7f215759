import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { StreamWaiter } from '../cluster/pool/http-pool.ts';
import type { HostRequest } from '../cluster/upstream-cluster.ts';
import { RequestHead, type ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName, names } from '../codec/header-name.ts';
import type { ClientStream } from '../codec/stream.ts';
import { Expirable, type CoarseTimers } from '../timer/coarse-timers.ts';
import type { Turn } from '../wire/turn.ts';

/** A message for a collector. */
export interface CollectorMessage {
  readonly path: string;
  readonly authority: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: Uint8Array;
  readonly timeoutMs: number;
}

/** How it went: with a status (HTTP's, and gRPC's where there is one), or not at all. */
export type CollectorAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly grpcStatus: string | undefined }
  | { readonly kind: 'failed' }
  | { readonly kind: 'no_cluster' };

/** What carries messages to collectors: tests may put another in its place. */
export type SendToCollector = (
  ref: ClusterRef,
  message: CollectorMessage,
  done: (answer: CollectorAnswer) => void,
) => void;

const anyHost: HostRequest = {
  originalDestination: undefined,
  subset: undefined,
  selection: 0,
  hash: () => undefined,
};

/** Sends messages through the clusters of the proxy, with their balancing, pools and TLS. */
export function collectorSender(turn: Turn, timers: CoarseTimers, random: () => number): SendToCollector {
  return (ref, message, done) => {
    const serving = ref.cluster?.servingCluster(random());
    const cluster = serving?.cluster;
    if (cluster === undefined) return done({ kind: 'no_cluster' });
    const host = cluster.chooseHost(anyHost, serving?.priority);
    if (host === undefined) return done({ kind: 'failed' });
    cluster.stats.n.upstreamRqTotal++;
    const pool = cluster.poolOf(host);
    const call: CollectorCall = new CollectorCall(message, timers, done, {
      cancel: () => pool.cancel(call),
      count: (status) => cluster.stats.countStatus(status),
    });
    turn.enter();
    try {
      timers.start(call, message.timeoutMs);
      pool.acquire(call, 'default', false);
    } finally {
      turn.leave();
    }
  };
}

/** One message on its way. */
class CollectorCall extends Expirable implements StreamWaiter {
  readonly requestVersion = 'HTTP/1.1';
  readonly #message: CollectorMessage;
  readonly #timers: CoarseTimers;
  readonly #done: (answer: CollectorAnswer) => void;
  readonly #pool: { cancel(): void; count(status: number): void };
  #stream: ClientStream | undefined;
  #status = 0;
  #grpcStatus: string | undefined;
  #over = false;

  constructor(
    message: CollectorMessage,
    timers: CoarseTimers,
    done: (answer: CollectorAnswer) => void,
    pool: { cancel(): void; count(status: number): void },
  ) {
    super();
    this.#message = message;
    this.#timers = timers;
    this.#done = done;
    this.#pool = pool;
  }

  onStreamReady(stream: ClientStream): void {
    this.#stream = stream;
    const { path, authority, headers, body } = this.#message;
    const head = new RequestHead();
    head.method = 'POST';
    head.path = path;
    head.authority = authority;
    head.acceptsTrailers = true;
    for (const { name, value } of headers) head.headers.add(headerName(name), value);
    head.headers.add(names.contentLength, String(body.length));
    stream.sendHead(head, body.length === 0);
    if (body.length === 0) return;
    stream.sendData(body, 0, body.length);
    stream.sendEnd(undefined);
  }

  onResponseHead(head: ResponseHead, endStream: boolean): void {
    if (head.status < 200) return;
    this.#status = head.status;
    this.#grpcStatus = head.headers.get(names.grpcStatus);
    this.#pool.count(head.status);
    if (endStream) this.#answered();
  }

  onResponseData(): void {}

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    this.#grpcStatus = trailers?.get(names.grpcStatus) ?? this.#grpcStatus;
    this.#answered();
  }

  onRequestDrain(): void {}

  onPoolFailure(): void {
    this.#finish({ kind: 'failed' });
  }

  onUpstreamReset(): void {
    this.#finish({ kind: 'failed' });
  }

  onExpire(): void {
    if (this.#over) return;
    if (this.#stream === undefined) this.#pool.cancel();
    else this.#stream.reset();
    this.#finish({ kind: 'failed' });
  }

  #answered(): void {
    this.#finish({ kind: 'answered', status: this.#status, grpcStatus: this.#grpcStatus });
  }

  #finish(answer: CollectorAnswer): void {
    if (this.#over) return;
    this.#over = true;
    this.#timers.stop(this);
    this.#done(answer);
  }
}
