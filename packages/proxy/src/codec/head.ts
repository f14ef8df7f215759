import { HeaderBlock } from './header-block.ts';

export type HttpVersion = 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';

/** The head of a request, whatever protocol it came by. `host` is in `authority`, not in the block; hop-by-hop headers are gone. */
export class RequestHead {
  method = '';
  /** Empty where who sent it on does not say: such a request has no route. */
  scheme: 'http' | 'https' | '' = 'http';
  authority = '';
  /** Path with query, beginning with `/`; `*` for OPTIONS; empty for CONNECT. */
  path = '';
  version: HttpVersion = 'HTTP/1.1';
  /** Lower case protocol of an upgrade that was asked for: `websocket`; `connect` for the CONNECT method. */
  upgrade: string | undefined;
  /** True where the client waits for `100 Continue` before it sends the body. */
  expectContinue = false;
  /** True for `te: trailers`. */
  acceptsTrailers = false;
  /** The first of the two lines by which the proxy introduces itself; -1: it does not. */
  introductionAt = -1;
  /** True where these lines are dead, as the endpoint knows us. */
  introductionHidden = false;
  /** True where the endpoint is asked to remember us. */
  introductionAsks = false;
  readonly headers = new HeaderBlock();

  /** Makes it as it was when it was new, so that nothing of one client is seen with another's request. */
  clear(): void {
    this.method = '';
    this.authority = '';
    this.path = '';
    this.version = 'HTTP/1.1';
    this.upgrade = undefined;
    this.introductionAt = -1;
    this.introductionHidden = false;
    this.introductionAsks = false;
    this.expectContinue = false;
    this.acceptsTrailers = false;
    this.scheme = 'http';
    this.headers.clear();
  }
}

/** The head of a response. */
export class ResponseHead {
  status = 0;
  version: HttpVersion = 'HTTP/1.1';
  /** The protocol that a 101 switched to. */
  upgrade: string | undefined;
  readonly headers = new HeaderBlock();

  clear(): void {
    this.status = 0;
    this.version = 'HTTP/1.1';
    this.upgrade = undefined;
    this.headers.clear();
  }
}

const keptHeads = 128;

/** Heads that are not in use; a head belongs to one message at a time. */
export class HeadPool {
  readonly #requests: RequestHead[] = [];
  readonly #responses: ResponseHead[] = [];

  request(): RequestHead {
    return this.#requests.pop() ?? new RequestHead();
  }

  response(): ResponseHead {
    return this.#responses.pop() ?? new ResponseHead();
  }

  releaseRequest(head: RequestHead): void {
    if (this.#requests.length >= keptHeads) return;
    head.clear();
    head.headers.trim();
    this.#requests.push(head);
  }

  releaseResponse(head: ResponseHead): void {
    if (this.#responses.length >= keptHeads) return;
    head.clear();
    head.headers.trim();
    this.#responses.push(head);
  }
}
