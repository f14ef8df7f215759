import { callHttp, type Call, type CallAnswer, type CallContext } from '../../call/index.ts';
import type { ClusterRef } from '../../cluster/cluster-set.ts';
import type { RequestHead } from '../../codec/head.ts';
import { headerName } from '../../codec/header-name.ts';
import { headerValueOf, textOfHeaderValue } from '../../codec/header-value.ts';
import type { TextTest } from '../../decide/string-match.ts';
import type { ExtAuthz, HttpAuthorizer } from '../../model/ext-authz.ts';
import type { JsonValue } from '../../model/metadata.ts';
import { anyName, type ShownBody } from './check-request.ts';
import type { Verdict, VerdictHeader } from './verdict.ts';

/** Of an answer's body a client is shown so much. */
const maxBodyBytes = 1024 * 1024;
const toRemove = headerName('x-envoy-auth-headers-to-remove');

/** Always told to the service, besides host, method and path (Envoy, `AuthorizationRequest.allowed_headers`). */
const alwaysTold: ReadonlySet<string> = new Set(['authorization']);
/** What belongs to the connection, or is set anew. */
const neverTold: ReadonlySet<string> = new Set(['content-length', 'expect', 'te', 'transfer-encoding']);
/** Told to clients besides those that are listed (Envoy, `AuthorizationResponse.allowed_client_headers`). */
const alwaysShown: ReadonlySet<string> = new Set(['www-authenticate', 'location', 'proxy-authenticate']);
const neverShown: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'date',
  'server',
]);

/** Asks a service by HTTP whether requests may pass. */
export class HttpCheck {
  readonly #cluster: ClusterRef;
  readonly #config: HttpAuthorizer;
  readonly #allowed: TextTest;
  readonly #disallowed: TextTest;
  readonly #upstream: TextTest;
  readonly #append: TextTest;
  readonly #metadata: TextTest;
  readonly #client: TextTest | undefined;
  readonly #clientOnSuccess: TextTest;

  /** Throws where a regular expression is none. */
  constructor(cluster: ClusterRef, config: HttpAuthorizer, filter: ExtAuthz) {
    this.#cluster = cluster;
    this.#config = config;
    this.#allowed = anyName(filter.allowedHeaders ?? []);
    this.#disallowed = anyName(filter.disallowedHeaders);
    this.#upstream = anyName(config.upstreamHeaders);
    this.#append = anyName(config.upstreamHeadersToAppend);
    this.#metadata = anyName(config.metadataHeaders);
    this.#client = config.clientHeaders === undefined ? undefined : anyName(config.clientHeaders);
    this.#clientOnSuccess = anyName(config.clientHeadersOnSuccess);
  }

  start(
    context: CallContext,
    head: RequestHead,
    body: ShownBody | undefined,
    done: (verdict: Verdict) => void,
  ): Call {
    const headers: (readonly [string, string])[] = [];
    const { headersToAdd } = this.#config;
    head.headers.forEach((name, value) => {
      const lower = name.toLowerCase();
      if (neverTold.has(lower) || this.#disallowed(lower) || headersToAdd.some(([own]) => own === lower))
        return;
      if (alwaysTold.has(lower) || this.#allowed(lower)) headers.push([lower, value]);
    });
    for (const [name, value] of headersToAdd) headers.push([name, headerValueOf(value)]);
    if (body !== undefined) headers.push(['x-envoy-auth-partial-body', String(body.partial)]);
    headers.push(['content-length', String(body?.bytes.length ?? 0)]);
    return callHttp(
      context,
      this.#cluster,
      {
        method: head.method === 'CONNECT' ? 'GET' : head.method,
        path: this.#config.pathPrefix + head.path,
        authority: head.authority,
        scheme: head.scheme === '' ? 'http' : head.scheme,
        headers,
        ...(body === undefined || body.bytes.length === 0 ? {} : { body: body.bytes }),
        timeoutMs: this.#config.timeoutMs,
        maxBodyBytes,
      },
      (result) => done(result.kind === 'answer' ? this.#verdictOf(result) : { kind: 'error' }),
    );
  }

  #verdictOf(answer: CallAnswer): Verdict {
    if (answer.status >= 500) return { kind: 'error' };
    const metadata: Record<string, JsonValue> = {};
    answer.headers.forEach((name, value) => {
      const lower = name.toLowerCase();
      if (this.#metadata(lower)) metadata[lower] = textOfHeaderValue(value);
    });
    const said = Object.keys(metadata).length === 0 ? undefined : metadata;
    if (answer.status !== 200) {
      return {
        kind: 'denied',
        status: answer.status,
        headers: this.#pick(answer, (name) => this.#isShown(name), 'set_lines'),
        body: answer.body,
        metadata: said,
      };
    }
    const remove = answer.headers.get(toRemove);
    return {
      kind: 'ok',
      requestHeaders: [
        ...this.#pick(answer, this.#upstream, 'set'),
        ...this.#pick(answer, this.#append, 'add'),
      ],
      remove: remove === undefined ? [] : remove.split(',').map((name) => name.trim()),
      responseHeaders: this.#pick(answer, this.#clientOnSuccess, 'add'),
      metadata: said,
    };
  }

  #isShown(name: string): boolean {
    if (neverShown.has(name)) return false;
    return this.#client === undefined || alwaysShown.has(name) || this.#client(name);
  }

  #pick(answer: CallAnswer, wanted: TextTest, action: VerdictHeader['action']): VerdictHeader[] {
    const list: VerdictHeader[] = [];
    answer.headers.forEach((name, value) => {
      const lower = name.toLowerCase();
      if (wanted(lower)) list.push({ name: lower, value, action });
    });
    return list;
  }
}
