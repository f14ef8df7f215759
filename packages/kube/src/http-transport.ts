import http from 'node:http';
import https from 'node:https';
import { LateenError, codeOf, messageOf, systemClock, type Clock } from '@lateen/core';
import { statusError } from './answer-error.ts';
import { LineError, readLines } from './line-stream.ts';

/** How a client proves who it is. */
export type Credentials =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'token';
      /** The token of now; `stale` is true where the server has just refused the one before. */
      readonly token: (stale: boolean) => string | Promise<string>;
    }
  | { readonly kind: 'certificate'; readonly cert: string | Buffer; readonly key: string | Buffer }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | {
      /** Whatever else there is (exec plugins): changes the options of each request. */
      readonly kind: 'custom';
      readonly apply: (options: https.RequestOptions) => Promise<void>;
    };

/** Where an API server is and how to talk to it. */
export interface HttpTransportOptions {
  /** `https://127.0.0.1:6443`, possibly with a path before `/api`. */
  readonly server: string;
  /** Certificates in PEM that the server's must lead to; default those of the system. */
  readonly ca?: string | Buffer;
  /** Talk to a server that cannot prove who it is; default false. */
  readonly insecureSkipTlsVerify?: boolean;
  /** The name to verify instead of the host of `server`. */
  readonly tlsServerName?: string;
  /** Default none. */
  readonly credentials?: Credentials;
  /** Default `lateen`. */
  readonly userAgent?: string;
  /** How long a call other than a watch may take; default 60,000 ms. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** One call. */
export interface HttpCall {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** Default `application/json`; a Table is asked for here. */
  readonly accept?: string;
}

/** How often a call is tried again when the server says that it is too busy. */
const maxBusyRetries = 5;

/** Connections, credentials and errors; knows nothing of resources. */
export class HttpTransport {
  readonly #base: URL;
  readonly #prefix: string;
  readonly #agent: http.Agent;
  readonly #options: HttpTransportOptions;
  readonly #clock: Clock;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#base = new URL(options.server);
    this.#prefix = this.#base.pathname.replace(/\/$/, '');
    const keepAlive = { keepAlive: true, keepAliveMsecs: 30_000, scheduling: 'lifo' as const };
    const credentials = options.credentials;
    this.#agent =
      this.#base.protocol === 'http:'
        ? new http.Agent(keepAlive)
        : new https.Agent({
            ...keepAlive,
            ...(options.ca === undefined ? {} : { ca: options.ca }),
            ...(options.tlsServerName === undefined ? {} : { servername: options.tlsServerName }),
            ...(credentials?.kind === 'certificate' ? { cert: credentials.cert, key: credentials.key } : {}),
            rejectUnauthorized: options.insecureSkipTlsVerify !== true,
          });
  }

  /** The server's address, as it was given. */
  get server(): string {
    return this.#options.server;
  }

  /** Makes a call and decodes the JSON of its answer. */
  async json(call: HttpCall): Promise<unknown> {
    let tokenRefused = false;
    for (let attempt = 0; ; attempt++) {
      const response = await this.#send(call, tokenRefused, undefined);
      const text = await this.#read(response, call);
      const status = response.statusCode ?? 0;
      if (status === 401 && !tokenRefused && this.#options.credentials?.kind === 'token') {
        tokenRefused = true;
        continue;
      }
      const retryAfter = Number(response.headers['retry-after']);
      if ((status === 429 || status === 503) && retryAfter >= 0 && attempt < maxBusyRetries) {
        await new Promise<void>((resolve) => this.#clock.after(retryAfter * 1000, resolve));
        continue;
      }
      if (status < 200 || status > 299) throw statusError(status, text, `${call.method} ${call.path}`);
      return text === '' ? undefined : parseAnswer(text, response);
    }
  }

  /** The address and the options, credentials included, of a connection that is to become a WebSocket. */
  async webSocket(path: string): Promise<{ readonly url: string; readonly options: https.RequestOptions }> {
    const options = await this.#requestOptions({ method: 'GET', path }, undefined, false);
    const scheme = this.#base.protocol === 'http:' ? 'ws' : 'wss';
    return { url: `${scheme}://${this.#base.host}${this.#prefix}${path}`, options };
  }

  /** Makes a call whose answer comes line by line; resolves when it ends or `signal` is aborted. */
  async lines(
    path: string,
    maxMs: number,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const call = { method: 'GET', path };
    let response: http.IncomingMessage;
    try {
      response = await this.#send(call, false, signal);
      if (response.statusCode === 401 && this.#options.credentials?.kind === 'token') {
        response.resume();
        response = await this.#send(call, true, signal);
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    if (response.statusCode !== 200) {
      throw statusError(response.statusCode ?? 0, await this.#read(response, call), `GET ${path}`);
    }
    const over = new AbortController();
    const timer = this.#clock.after(maxMs, () => over.abort());
    try {
      await readLines(response, onLine, AbortSignal.any([signal, over.signal]));
    } catch (error) {
      throw error instanceof LineError ? error.cause : this.#unreachable({ method: 'GET', path: '' }, error);
    } finally {
      timer.cancel();
    }
  }

  /** Closes all connections; calls under way fail. */
  close(): void {
    this.#agent.destroy();
  }

  async #send(
    call: HttpCall,
    stale: boolean,
    signal: AbortSignal | undefined,
  ): Promise<http.IncomingMessage> {
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    const options = await this.#requestOptions(call, body, stale);
    for (let tries = 0; ; tries++) {
      if (signal?.aborted) throw this.#unreachable(call, signal.reason);
      try {
        return await this.#once(options, body, signal);
      } catch (error) {
        // An idle connection that the server closed in the same moment: only calls that change nothing go again.
        const code = codeOf(error);
        if (tries === 0 && call.method === 'GET' && (code === 'ECONNRESET' || code === 'EPIPE')) continue;
        throw this.#unreachable(call, error);
      }
    }
  }

  async #requestOptions(
    call: HttpCall,
    body: Buffer | undefined,
    stale: boolean,
  ): Promise<https.RequestOptions> {
    const headers: Record<string, string | number> = {
      accept: call.accept ?? 'application/json',
      'user-agent': this.#options.userAgent ?? 'lateen',
    };
    if (body !== undefined) {
      headers['content-type'] = call.contentType ?? 'application/json';
      headers['content-length'] = body.length;
    }
    const options: https.RequestOptions = {
      method: call.method,
      host: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port === '' ? (this.#base.protocol === 'http:' ? 80 : 443) : this.#base.port,
      path: this.#prefix + call.path,
      agent: this.#agent,
      headers,
    };
    const credentials = this.#options.credentials;
    if (credentials?.kind === 'token') {
      headers['authorization'] = `Bearer ${await credentials.token(stale)}`;
    } else if (credentials?.kind === 'basic') {
      options.auth = `${credentials.username}:${credentials.password}`;
    } else if (credentials?.kind === 'custom') {
      await credentials.apply(options);
    }
    return options;
  }

  #once(
    options: https.RequestOptions,
    body: Buffer | undefined,
    signal: AbortSignal | undefined,
  ): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = (this.#base.protocol === 'http:' ? http : https).request(options);
      const onAbort = (): void => void request.destroy(new Error('the call was aborted'));
      signal?.addEventListener('abort', onAbort, { once: true });
      const timer = this.#clock.after(this.#options.timeoutMs ?? 60_000, () => {
        request.destroy(new Error('no answer in time'));
      });
      const done = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      request.once('response', (response) => {
        done();
        resolve(response);
      });
      request.on('error', (error) => {
        done();
        reject(error);
      });
      request.end(body);
    });
  }

  #read(response: http.IncomingMessage, call: HttpCall): Promise<string> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const timer = this.#clock.after(this.#options.timeoutMs ?? 60_000, () => {
        response.destroy(new Error('the answer did not end in time'));
      });
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        timer.cancel();
        resolve(Buffer.concat(chunks).toString('utf8'));
      });
      response.once('error', (error) => {
        timer.cancel();
        reject(this.#unreachable(call, error));
      });
    });
  }

  #unreachable(call: HttpCall, error: unknown): LateenError {
    if (error instanceof LateenError) return error;
    const what = call.path === '' ? '' : ` to ${call.method} ${call.path.split('?')[0]}`;
    return new LateenError(
      'kube.unreachable',
      `the API server at ${this.#options.server} gives no answer${what}: ${messageOf(error)}`,
      { cause: error, hint: 'is the cluster running? `lateen status` tells' },
    );
  }
}

function parseAnswer(text: string, response: http.IncomingMessage): unknown {
  const type = response.headers['content-type'] ?? '';
  if (!type.includes('json')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new LateenError('kube.badAnswer', `the API server's answer is not JSON: ${messageOf(error)}`);
  }
}
