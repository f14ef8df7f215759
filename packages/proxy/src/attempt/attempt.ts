import { introduce, noteAnswer } from '../codec/acquaintance.ts';
import type { AlpnOverride } from '../model/alpn-override.ts';
import type { ByteMeter } from '../codec/byte-meter.ts';
import type { HttpVersion, RequestHead, ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { ClientStream, ResetReason } from '../codec/stream.ts';
import { names } from '../codec/header-name.ts';
import type { Downstream } from '../cluster/connector.ts';
import type { Host } from '../cluster/host.ts';
import { httpStatusOfGrpc } from '../cluster/outlier/grpc-status.ts';
import type { HttpPool, PoolFailure, StreamWaiter } from '../cluster/pool/http-pool.ts';
import type { UpstreamCluster } from '../cluster/upstream-cluster.ts';
import type { Expirable, CoarseTimers, Countdown } from '../timer/coarse-timers.ts';
import { Deadline } from '../timer/deadline.ts';
import type { ConnectTimes } from '../wire/connect-times.ts';
import type { TlsInfo } from '../wire/tls-info.ts';

/** How an attempt ended without a whole response. */
export type AttemptOutcome =
  | PoolFailure
  | ResetReason
  | 'per_try_timeout'
  | 'per_try_idle_timeout'
  | 'max_stream_duration';

/** Who made an attempt, and hears of it. */
export interface AttemptOwner {
  readonly requestVersion: HttpVersion;
  /** The client's connection; undefined where the proxy asks for itself. */
  readonly downstream: Downstream | undefined;
  /** What TLS is to offer to the endpoint; undefined: what the cluster says. */
  readonly alpn: AlpnOverride | undefined;
  /** The host that is asked for, without port, for clusters that put it into SNI; undefined: what the cluster says. */
  readonly serverName: string | undefined;
  /** The stream is there: the head (and what is there of the body) is to be sent now. */
  onAttemptReady(attempt: Attempt): void;
  /** The owner counts the status of a final head for the cluster. */
  onAttemptHead(attempt: Attempt, head: ResponseHead, endStream: boolean): void;
  onAttemptData(buffer: Buffer, start: number, end: number): void;
  onAttemptEnd(attempt: Attempt, trailers: HeaderBlock | undefined): void;
  onAttemptDrain(): void;
  onAttemptFailed(attempt: Attempt, outcome: AttemptOutcome, detail: string): void;
  /** The time for one try is over; true where the attempt is to go on all the same. */
  hedges(attempt: Attempt): boolean;
}

/** Watches an attempt, for logs. */
export interface AttemptWatch {
  /** It has a connection. */
  onReady(): void;
  onHead(head: ResponseHead): void;
  /** Bytes of the body of the request, and of the answer. */
  onSent(bytes: number): void;
  onReceived(bytes: number): void;
  /** How it ended; only the first time counts. */
  onOver(outcome: AttemptOutcome | 'answered' | 'given_up', detail: string, trailers?: HeaderBlock): void;
}

/** One try to have a request answered by one host. */
export class Attempt implements Expirable, StreamWaiter {
  countdown: Countdown | undefined = undefined;
  readonly #owner: AttemptOwner;
  readonly cluster: UpstreamCluster;
  readonly host: Host;
  readonly #priority: 'default' | 'high';
  #stream: ClientStream | undefined;
  #over = false;
  /** True where the endpoint was asked to remember who we are. */
  #introduced = false;
  /** When a connection was asked for. */
  startMs = 0;
  /** True for gRPC answers whose status is still to come, in the trailers. */
  #awaitsGrpcStatus = false;
  readonly #timers: CoarseTimers;
  readonly #pool: HttpPool;
  /** Ends an attempt on which nothing moves. */
  #idle: Deadline | undefined;
  #idleMs = 0;
  /** Ends an attempt that lasts too long, its answer included. */
  #duration: Deadline | undefined;
  /** True once bytes of the request may have reached the host. */
  sent = false;
  headReceived = false;
  /** Undefined where nobody asks for its bytes. */
  meter: ByteMeter | undefined;
  /** Undefined where nobody watches. */
  watch: AttemptWatch | undefined;

  constructor(
    owner: AttemptOwner,
    cluster: UpstreamCluster,
    host: Host,
    priority: 'default' | 'high',
    timers: CoarseTimers,
    pool: HttpPool = cluster.poolOf(host, owner.downstream, owner.alpn, owner),
  ) {
    this.#pool = pool;
    this.#timers = timers;
    this.#owner = owner;
    this.cluster = cluster;
    this.host = host;
    this.#priority = priority;
  }

  /** Starts the time for one try; when the request is complete. */
  startTimers(timing: { readonly perTryMs: number; readonly perTryIdleMs: number }): void {
    if (timing.perTryMs > 0) this.#timers.start(this, timing.perTryMs);
    if (timing.perTryIdleMs === 0 || this.#over) return;
    this.#idleMs = timing.perTryIdleMs;
    this.#idle = new Deadline(() => {
      this.cluster.stats.n.upstreamRqPerTryIdleTimeout++;
      this.#giveUp('per_try_idle_timeout', 'nothing came in the idle time of one try');
    });
    this.#timers.start(this.#idle, this.#idleMs);
  }

  /** Asks the pool for a stream; `fresh` for one on a new connection. */
  start(fresh: boolean): void {
    const { cluster, host } = this;
    host.active++;
    this.startMs = cluster.nowMs;
    const { maxStreamDurationMs } = cluster.model.http;
    if (maxStreamDurationMs > 0) {
      this.#duration = new Deadline(() => {
        this.cluster.stats.n.upstreamRqMaxDurationReached++;
        this.#giveUp('max_stream_duration', 'the stream lasted too long');
      });
      this.#timers.start(this.#duration, maxStreamDurationMs);
    }
    this.#pool.acquire(this, this.#priority, fresh);
  }

  get requestVersion(): HttpVersion {
    return this.#owner.requestVersion;
  }

  get ready(): boolean {
    return this.#stream !== undefined;
  }

  get over(): boolean {
    return this.#over;
  }

  get reusedConnection(): boolean {
    return this.#stream?.reused === true;
  }

  /** Of its connection. */
  get connectionId(): number | undefined {
    return this.#stream?.connectionId;
  }

  /** Undefined before it is ready, and where the endpoint is spoken to without HTTP. */
  get protocol(): HttpVersion | undefined {
    return this.#stream?.protocol;
  }

  get localAddress(): string {
    return this.#stream?.localAddress ?? '';
  }

  get times(): ConnectTimes | undefined {
    return this.#stream?.times;
  }

  get tls(): TlsInfo | undefined {
    return this.#stream?.tls;
  }

  /** Counts its bytes; before its head is sent. */
  measure(): ByteMeter {
    return (this.meter = (this.#stream as ClientStream).measure());
  }

  get writable(): boolean {
    return this.#stream?.writable ?? false;
  }

  sendHead(head: RequestHead, endStream: boolean): void {
    this.sent = true;
    this.#introduced = introduce(head, this.#stream?.tls?.acquaintance);
    this.#stream?.sendHead(head, endStream);
  }

  sendData(buffer: Uint8Array, start: number, end: number): void {
    this.watch?.onSent(end - start);
    this.#stream?.sendData(buffer, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    this.#stream?.sendEnd(trailers);
  }

  pauseResponse(): void {
    this.#stream?.pauseResponse();
  }

  resumeResponse(): void {
    this.#stream?.resumeResponse();
  }

  /** Gives up; nothing is heard of it any more. */
  abort(): void {
    if (this.#over) return;
    const stream = this.#stream;
    this.watch?.onOver('given_up', '');
    this.#finish();
    const { n } = this.cluster.stats;
    if (stream === undefined) {
      n.upstreamRqCancelled++;
      this.#pool.cancel(this);
    } else {
      // As Envoy: of HTTP/1 the connection is given up, not a stream of it.
      if (stream.protocol === 'HTTP/2') n.upstreamRqTxReset++;
      stream.reset();
    }
  }

  onStreamReady(stream: ClientStream): void {
    this.#stream = stream;
    // As Envoy: until then it counts as pending, not as a request.
    this.cluster.breakers(this.#priority).countRequest(1);
    this.host.rqTotal++;
    const { n } = this.cluster.stats;
    n.upstreamRqTotal++;
    n.upstreamRqActive++;
    this.cluster.outlier?.onConnected(this.host);
    this.watch?.onReady();
    this.#owner.onAttemptReady(this);
  }

  onPoolFailure(failure: PoolFailure, detail: string): void {
    this.watch?.onOver(failure, detail);
    this.#finish();
    if (failure !== 'pending_overflow') this.host.rqError++;
    if (failure !== 'pending_overflow' && failure !== 'overflow') this.#observeFailure();
    this.#owner.onAttemptFailed(this, failure, detail);
  }

  onResponseHead(head: ResponseHead, endStream: boolean): void {
    if (this.#idle !== undefined) this.#timers.start(this.#idle, this.#idleMs);
    if (head.status >= 200 || head.status === 101) {
      this.headReceived = true;
      if (this.#introduced) this.#noteAcquaintance(head);
      // The time for one try is the time until its answer begins.
      this.countdown?.stop();
      this.#observe(head, endStream);
      this.watch?.onHead(head);
      if (head.status >= 500) this.host.rqError++;
      else this.host.rqSuccess++;
      if (endStream) {
        this.watch?.onOver('answered', '');
        this.#finish();
      }
    }
    this.#owner.onAttemptHead(this, head, endStream);
  }

  onResponseData(buffer: Buffer, start: number, end: number): void {
    if (this.#idle !== undefined) this.#timers.start(this.#idle, this.#idleMs);
    this.watch?.onReceived(end - start);
    this.#owner.onAttemptData(buffer, start, end);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    this.watch?.onOver('answered', '', trailers);
    this.#finish();
    if (this.#awaitsGrpcStatus) {
      this.cluster.outlier?.onStatus(this.host, httpStatusOfGrpc(trailers?.get(names.grpcStatus) ?? '2'));
    }
    this.#owner.onAttemptEnd(this, trailers);
  }

  onRequestDrain(): void {
    this.#owner.onAttemptDrain();
  }

  onUpstreamReset(reason: ResetReason, detail: string): void {
    this.watch?.onOver(reason, detail);
    this.#finish();
    const { n } = this.cluster.stats;
    if (reason === 'remote_reset' || reason === 'refused') n.upstreamRqRxReset++;
    else if (reason === 'protocol_error' && this.protocol === 'HTTP/2') n.upstreamRqTxReset++;
    this.host.rqError++;
    if (reason !== 'local_reset') this.#observeFailure();
    this.#owner.onAttemptFailed(this, reason, detail);
  }

  /** The time for this try is over. */
  onExpire(): void {
    if (this.#over) return;
    this.onTimedOut();
    if (this.#owner.hedges(this)) return;
    this.cluster.stats.n.upstreamRqPerTryTimeout++;
    this.host.rqTimeout++;
    this.watch?.onOver('per_try_timeout', '');
    this.abort();
    this.#owner.onAttemptFailed(this, 'per_try_timeout', 'no answer in the time for one try');
  }

  #giveUp(outcome: AttemptOutcome, detail: string): void {
    if (this.#over) return;
    this.onTimedOut();
    this.watch?.onOver(outcome, detail);
    this.abort();
    this.#owner.onAttemptFailed(this, outcome, detail);
  }

  /** Gives up because the time for the whole request is over, and counts that. */
  runOut(): void {
    const { stats } = this.cluster;
    stats.n.upstreamRqTimeout++;
    this.host.rqTimeout++;
    if (!this.headReceived) stats.countStatus(504);
    this.onTimedOut();
    this.abort();
  }

  /** To be called before the attempt is given up because no answer came in time. */
  onTimedOut(): void {
    if (this.#over || this.headReceived) return;
    this.host.rqError++;
    this.cluster.outlier?.onTimeout(this.host);
    this.#observeLatency(true);
  }

  #noteAcquaintance(head: ResponseHead): void {
    const acquaintance = this.#stream?.tls?.acquaintance;
    if (acquaintance !== undefined) noteAnswer(head, acquaintance);
  }

  /** Tells of an answer those who watch how the host does. */
  #observe(head: ResponseHead, endStream: boolean): void {
    this.#observeLatency(false);
    const { outlier } = this.cluster;
    if (outlier === undefined) return;
    const grpcStatus = head.headers.get(names.grpcStatus);
    if (grpcStatus !== undefined) {
      outlier.onStatus(this.host, httpStatusOfGrpc(grpcStatus));
    } else if (!endStream && head.headers.get(names.contentType)?.startsWith('application/grpc') === true) {
      this.#awaitsGrpcStatus = true;
    } else {
      outlier.onStatus(this.host, head.status);
    }
  }

  #observeFailure(): void {
    this.cluster.outlier?.onConnectFailure(this.host);
    this.#observeLatency(true);
  }

  #observeLatency(failed: boolean): void {
    const { latency } = this.host;
    if (latency === undefined) return;
    const { nowMs } = this.cluster;
    if (failed) latency.observeFailure(nowMs - this.startMs, nowMs);
    else latency.observe(nowMs - this.startMs, nowMs);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.countdown?.stop();
    if (this.#idle !== undefined) this.#timers.stop(this.#idle);
    if (this.#duration !== undefined) this.#timers.stop(this.#duration);
    if (this.headReceived) this.cluster.stats.requestTime.record(this.cluster.nowMs - this.startMs);
    this.host.active--;
    if (this.#stream === undefined) return;
    this.cluster.breakers(this.#priority).countRequest(-1);
    this.cluster.stats.n.upstreamRqActive--;
  }
}
