import type { RequestHead } from '../../codec/head.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import type { UpstreamCluster } from '../../cluster/upstream-cluster.ts';
import type { RequestTiming } from '../../route/request-timing.ts';
import type { CompiledForward } from '../../route/route-action.ts';
import type { Attempt } from '../../attempt/attempt.ts';
import { BodyBuffer } from './body-buffer.ts';
import { HostChoice } from './host-choice.ts';
import type { Shadow } from './mirror.ts';
import type { OtherTries } from './other-tries.ts';
import type { RouterOwner } from './router-owner.ts';

/** The tries of a request that are under way, and what each is sent: the body is kept while another may need it. */
export abstract class RequestTries extends HostChoice {
  protected timing: RequestTiming;
  /** The one that answers, or the latest. */
  protected attempt: Attempt | undefined;
  /** Earlier ones that are still under way; only where tries are hedged. */
  protected others: OtherTries | undefined;
  protected body: BodyBuffer | undefined;
  protected shadows: Shadow[] | undefined;
  protected requestDone = false;
  protected bodySeen = false;
  /** The answer has begun. */
  protected responding = false;
  protected over = false;

  constructor(owner: RouterOwner, action: CompiledForward) {
    super(owner, action);
    this.timing = action.timing;
  }

  abstract abort(): void;
  /** The request is complete: its time begins. */
  protected abstract startTimeout(): void;

  /** Sends the head, and what has come of the body. */
  protected send(attempt: Attempt, head: RequestHead): void {
    const { body } = this;
    const complete =
      this.requestDone && (body === undefined || body.bytes === 0) && body?.trailers === undefined;
    attempt.sendHead(head, complete);
    if (complete || body === undefined) return;
    body.forEach((chunk) => attempt.sendData(chunk, 0, chunk.length));
    if (this.requestDone) attempt.sendEnd(body.trailers);
    if (!this.#mayNeedBody) body.forget();
    if (attempt.writable) this.owner.resumeRequest();
  }

  protected get bufferLimitBytes(): number {
    const { bufferLimitBytes } = this.owner.manager;
    return Math.min(bufferLimitBytes, this.action.bufferLimitBytes ?? bufferLimitBytes);
  }

  /** True while the body may have to be sent once more. */
  get #mayNeedBody(): boolean {
    if (this.retries !== undefined && this.retries.left > 0) return true;
    return this.others !== undefined || this.action.internalRedirect !== undefined;
  }

  /** True where a try is under way besides the latest, or will be. */
  protected hasOthers(): boolean {
    return this.others?.areUnderWay() === true || this.retries?.timer !== undefined;
  }

  /** One of several tries did not come to an answer, or not to a good one: the others go on. */
  protected leaveToOthers(attempt: Attempt): boolean {
    if (!this.hasOthers()) return false;
    this.others?.remove(attempt);
    if (this.attempt === attempt) this.attempt = this.others?.takeLatest() ?? attempt;
    return true;
  }

  // The client's side

  onRequestData(buffer: Buffer, start: number, end: number): void {
    if (this.over) return;
    this.bodySeen = true;
    if (this.shadows !== undefined) for (const shadow of this.shadows) shadow.sendData(buffer, start, end);
    const attempt = this.attempt;
    const ready = attempt?.ready === true && !attempt.over;
    if ((!ready || this.#mayNeedBody) && !this.#keep(buffer, start, end, ready)) return;
    this.others?.sendData(buffer, start, end, this.body?.lossy === true);
    if (!ready) {
      this.owner.pauseRequest();
      return;
    }
    attempt.sendData(buffer, start, end);
    if (!attempt.writable) this.owner.pauseRequest();
  }

  /** Keeps data for a try that is still to be sent it; false where it was too much, and the request is answered. */
  #keep(buffer: Buffer, start: number, end: number, ready: boolean): boolean {
    const body = (this.body ??= new BodyBuffer(this.bufferLimitBytes));
    if (body.keep(buffer, start, end)) return true;
    // Too much for a second try.
    if (this.#mayNeedBody && !body.lossy) (this.cluster as UpstreamCluster).stats.n.retryOrShadowAbandoned++;
    this.retries?.stop();
    if (ready) {
      body.forget();
      return true;
    }
    // The try waits for its connection, and the client for it.
    if (this.attempt?.over === false) {
      body.keepAnyway(buffer, start, end);
      return true;
    }
    this.abort();
    this.owner.reply(
      507,
      'exceeded request buffer limit while retrying upstream',
      'request_payload_exceeded_retry_buffer_limit',
    );
    return false;
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    if (this.over) return;
    this.requestDone = true;
    if (this.shadows !== undefined) for (const shadow of this.shadows) shadow.sendEnd(trailers);
    if (trailers !== undefined) {
      this.body ??= new BodyBuffer(this.bufferLimitBytes);
      this.body.trailers = trailers;
    }
    this.startTimeout();
    this.others?.sendEnd(trailers, this.timing);
    const attempt = this.attempt;
    if (attempt === undefined || attempt.over) return;
    if (!this.responding) attempt.startTimers(this.timing);
    if (attempt.ready) attempt.sendEnd(trailers);
  }

  pauseResponse(): void {
    this.attempt?.pauseResponse();
  }

  resumeResponse(): void {
    this.attempt?.resumeResponse();
  }
}
