import type { StreamWaiter } from '../../cluster/pool/http-pool.ts';
import type { HostRequest } from '../../cluster/upstream-cluster.ts';
import { RequestHead, type HttpVersion, type ResponseHead } from '../../codec/head.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import type { ClientStream } from '../../codec/stream.ts';
import type { CompiledMirror } from '../../route/route-action.ts';
import { BodyBuffer } from './body-buffer.ts';

/** A copy of a request on its way to another cluster; nobody waits for its answer. */
export class Shadow implements StreamWaiter {
  readonly #head: RequestHead;
  readonly #body: BodyBuffer;
  readonly #forget: () => void;
  #stream: ClientStream | undefined;
  #ended: boolean;
  #over = false;

  constructor(head: RequestHead, endStream: boolean, bufferLimitBytes: number, forget: () => void) {
    this.#head = head;
    this.#ended = endStream;
    this.#body = new BodyBuffer(bufferLimitBytes);
    this.#forget = forget;
  }

  sendData(buffer: Buffer, start: number, end: number): void {
    if (this.#over) return;
    if (this.#stream === undefined) {
      if (!this.#body.keep(buffer, start, end)) this.abort();
      return;
    }
    // An endpoint that is too slow for its copies does not get them; the original is not held up for it.
    if (this.#stream.writable) this.#stream.sendData(buffer, start, end);
    else this.abort();
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#over) return;
    this.#ended = true;
    this.#body.trailers = trailers;
    this.#stream?.sendEnd(trailers);
  }

  /** The original was not sent to its end: neither is the copy. */
  abort(): void {
    if (this.#over) return;
    const stream = this.#stream;
    this.#finish();
    if (stream === undefined) this.#forget();
    else stream.reset();
  }

  /** True while the copy has not got all of the request. */
  get incomplete(): boolean {
    return !this.#ended && !this.#over;
  }

  get requestVersion(): HttpVersion {
    return this.#head.version;
  }

  onStreamReady(stream: ClientStream): void {
    this.#stream = stream;
    const bodyless = this.#ended && this.#body.bytes === 0 && this.#body.trailers === undefined;
    stream.sendHead(this.#head, bodyless);
    if (bodyless) return;
    this.#body.forEach((chunk) => stream.sendData(chunk, 0, chunk.length));
    if (this.#ended) stream.sendEnd(this.#body.trailers);
  }

  onPoolFailure(): void {
    this.#finish();
  }

  onResponseHead(_head: ResponseHead, endStream: boolean): void {
    if (endStream) this.#finish();
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    this.#finish();
  }

  onRequestDrain(): void {}

  onUpstreamReset(): void {
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#stream = undefined;
    this.#body.forget();
  }
}

const anyHost: HostRequest = {
  originalDestination: undefined,
  subset: undefined,
  selection: 0,
  hash: () => undefined,
};

/** `reviews:80` -> `reviews-shadow:80`, as Envoy marks the host of copies. */
function shadowAuthority(authority: string): string {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.indexOf(']', colon) >= 0) return `${authority}-shadow`;
  return `${authority.slice(0, colon)}-shadow${authority.slice(colon)}`;
}

/** Starts a copy of a request to a mirror's cluster; undefined where this request is not mirrored. */
function startShadow(
  mirror: CompiledMirror,
  head: RequestHead,
  endStream: boolean,
  random: () => number,
  bufferLimitBytes: number,
): Shadow | undefined {
  const { fraction } = mirror;
  if (fraction !== undefined && random() * fraction.denominator >= fraction.numerator) return undefined;
  const serving = mirror.choose(head)?.cluster?.servingCluster(random());
  const cluster = serving?.cluster;
  const host = cluster?.chooseHost(anyHost, serving?.priority);
  if (cluster === undefined || host === undefined || head.upgrade !== undefined) return undefined;
  const copy = new RequestHead();
  copy.method = head.method;
  copy.scheme = head.scheme;
  copy.path = head.path;
  copy.version = head.version;
  copy.authority = mirror.keepHost ? head.authority : shadowAuthority(head.authority);
  copy.headers.copyFrom(head.headers);
  cluster.stats.n.upstreamRqTotal++;
  const pool = cluster.poolOf(host);
  const shadow: Shadow = new Shadow(copy, endStream, bufferLimitBytes, () => pool.cancel(shadow));
  pool.acquire(shadow, 'default', false);
  return shadow;
}

/** Starts the copies of a request that its route asks for; undefined where there is none. */
export function startShadows(
  mirrors: readonly CompiledMirror[],
  head: RequestHead,
  endStream: boolean,
  random: () => number,
  bufferLimitBytes: number,
): Shadow[] | undefined {
  const shadows = mirrors.flatMap(
    (mirror) => startShadow(mirror, head, endStream, random, bufferLimitBytes) ?? [],
  );
  return shadows.length === 0 ? undefined : shadows;
}
