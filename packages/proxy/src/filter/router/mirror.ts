import { RequestHead, type ResponseHead } from '../../codec/head.ts';
import type { ClientStream } from '../../codec/stream.ts';
import type { StreamWaiter } from '../../cluster/pool/http-pool.ts';
import type { HostRequest } from '../../cluster/upstream-cluster.ts';
import type { CompiledMirror } from '../../route/route-action.ts';

/** A request whose answer nobody waits for. */
class Shadow implements StreamWaiter {
  readonly #head: RequestHead;

  constructor(head: RequestHead) {
    this.#head = head;
  }

  onStreamReady(stream: ClientStream): void {
    stream.sendHead(this.#head, true);
  }

  onPoolFailure(): void {}
  onResponseHead(_head: ResponseHead): void {}
  onResponseData(): void {}
  onResponseEnd(): void {}
  onRequestDrain(): void {}
  onUpstreamReset(): void {}
}

const anyHost: HostRequest = {
  originalDestination: undefined,
  hash: () => undefined,
  shouldAvoid: () => false,
};

/** Sends a copy of a request's head to another cluster, its host marked `-shadow` as Envoy does; bodies are not copied. */
export function mirrorRequest(mirror: CompiledMirror, head: RequestHead, random: () => number): void {
  const { fraction, ref } = mirror;
  if (fraction !== undefined && random() * fraction.denominator >= fraction.numerator) return;
  const host = ref.cluster?.chooseHost(anyHost);
  if (ref.cluster === undefined || host === undefined) return;
  const copy = new RequestHead();
  copy.method = head.method;
  copy.scheme = head.scheme;
  copy.path = head.path;
  const colon = head.authority.lastIndexOf(':');
  copy.authority =
    colon < 0
      ? `${head.authority}-shadow`
      : `${head.authority.slice(0, colon)}-shadow${head.authority.slice(colon)}`;
  copy.headers.copyFrom(head.headers);
  ref.cluster.stats.n.upstreamRqTotal++;
  ref.cluster.poolOf(host).acquire(new Shadow(copy), 'default', false);
}
