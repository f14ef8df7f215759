import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { createServer, type Server as HttpsServer } from 'node:https';
import type { Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { codeOf, messageOf, type Logger } from '@lateen/core';
import { KubeStatusError } from '@lateen/kube';
import type { KeyPair } from '../auth/issue-certificates.ts';
import type { UserInfo } from '../registry/request-context.ts';
import { internalError, tooLarge, badRequest } from '../status.ts';
import type { ApiRequest, ApiResponse, ResponseSink } from './api-request.ts';

export interface HttpServerOptions {
  readonly certificate: KeyPair;
  /** Signs the certificates of clients, PEM. */
  readonly clientAuthority: string;
  readonly logger: Logger;
  readonly authenticate: (request: IncomingMessage) => Promise<UserInfo>;
  readonly handle: (request: ApiRequest) => Promise<ApiResponse>;
  /** Reads a body in Kubernetes' protobuf encoding. */
  readonly decodeProtobuf: (body: Buffer) => Promise<object>;
  /** Takes over a connection that asks for another protocol. */
  readonly upgrade: (
    request: ApiRequest,
    raw: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ) => Promise<void>;
}

const maxBodyBytes = 3 * 1024 * 1024;
const maxHeaderBytes = 64 * 1024;
/** Longer than clients keep idle connections, so that they and not we close them. */
const keepAliveMs = 180_000;

/** HTTPS in front of the API. It listens on nothing itself: connections and listeners are given to it. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #https: HttpsServer;
  readonly #listeners = new Set<Server>();
  readonly #sockets = new Set<Socket>();
  readonly #closing = new AbortController();

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#https = createServer({
      cert: options.certificate.certificate,
      key: options.certificate.key,
      ca: options.clientAuthority,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      maxHeaderSize: maxHeaderBytes,
      keepAliveTimeout: keepAliveMs,
      noDelay: true,
    });
    this.#https.on('request', (request, response) => void this.#answer(request, response));
    this.#https.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    this.#https.on('tlsClientError', (error, socket) => {
      options.logger.debug('TLS handshake failed', { error: messageOf(error) });
      socket.destroy();
    });
  }

  handleConnection(socket: Socket): void {
    if (this.#closing.signal.aborted) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    this.#https.emit('connection', socket);
  }

  serve(listener: Server): void {
    this.#listeners.add(listener);
    listener.on('connection', (socket) => this.handleConnection(socket));
  }

  /** Shows another certificate from the next connection on. */
  renew(certificate: KeyPair): void {
    this.#https.setSecureContext({
      cert: certificate.certificate,
      key: certificate.key,
      ca: this.#options.clientAuthority,
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const closed = [...this.#listeners].map(
      (listener) => new Promise<void>((resolve) => listener.close(() => resolve())),
    );
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  async #answer(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const user = await this.#options.authenticate(raw);
      const answer = await this.#options.handle(this.#requestOf(raw, user));
      writeHead(response, answer);
      if (answer.kind === 'whole') response.end(raw.method === 'HEAD' ? undefined : answer.body);
      else await this.#stream(raw, response, answer.run);
    } catch (error) {
      this.#fail(raw, response, error);
    }
  }

  #requestOf(raw: IncomingMessage, user: UserInfo): ApiRequest {
    const url = raw.url ?? '/';
    const at = url.indexOf('?');
    const isProtobuf = raw.headers['content-type'] === 'application/vnd.kubernetes.protobuf';
    return {
      method: raw.method ?? 'GET',
      path: at < 0 ? url : url.slice(0, at),
      query: new URLSearchParams(at < 0 ? '' : url.slice(at + 1)),
      headers: isProtobuf ? { ...raw.headers, 'content-type': 'application/json' } : raw.headers,
      user,
      body: async () => {
        const body = await readBody(raw);
        if (!isProtobuf || body.length === 0) return body;
        return Buffer.from(JSON.stringify(await this.#options.decodeProtobuf(body)));
      },
    };
  }

  async #stream(
    raw: IncomingMessage,
    response: ServerResponse,
    run: (sink: ResponseSink) => Promise<void>,
  ): Promise<void> {
    const gone = new AbortController();
    const signal = AbortSignal.any([gone.signal, this.#closing.signal]);
    response.on('close', () => gone.abort());
    response.flushHeaders();
    await run({
      write: (chunk) => response.write(chunk),
      drained: () => new Promise((resolve) => response.once('drain', resolve)),
      end: () => void response.end(),
      signal,
    });
    raw.resume();
  }

  async #upgrade(raw: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    try {
      const user = await this.#options.authenticate(raw);
      await this.#options.upgrade(this.#requestOf(raw, user), raw, socket, head);
    } catch (error) {
      const { status } = this.#statusOf(raw, error);
      const body = JSON.stringify(status);
      socket.end(
        `HTTP/1.1 ${status.code ?? 500} ${status.reason ?? 'Error'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
    }
  }

  #fail(raw: IncomingMessage, response: ServerResponse, error: unknown): void {
    const { status } = this.#statusOf(raw, error);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const body = JSON.stringify(status);
    // What is left of a body that was refused is not read: the connection cannot go on.
    const close = !raw.complete;
    const headers: OutgoingHttpHeaders = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    if (close) headers['connection'] = 'close';
    const retry = status.details?.retryAfterSeconds;
    if (retry !== undefined) headers['retry-after'] = String(retry);
    response.writeHead(status.code ?? 500, headers);
    response.end(body);
  }

  #statusOf(raw: IncomingMessage, error: unknown): KubeStatusError {
    if (error instanceof KubeStatusError) return error;
    // Depth of nesting is the one thing in a body that can exhaust the stack.
    if (error instanceof RangeError) return badRequest('the body of the request is nested too deeply');
    if (codeOf(error) !== 'ECONNRESET') {
      const stack = error instanceof Error ? error.stack : undefined;
      this.#options.logger.error('request failed', {
        method: raw.method,
        path: raw.url,
        error: stack ?? messageOf(error),
      });
    }
    return internalError(messageOf(error));
  }
}

async function readBody(raw: IncomingMessage): Promise<Buffer> {
  if (Number(raw.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge(maxBodyBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of raw as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw tooLarge(maxBodyBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function writeHead(response: ServerResponse, answer: ApiResponse): void {
  const headers: Record<string, string | number | string[]> = {
    'cache-control': 'no-cache, private',
    ...answer.headers,
  };
  if (answer.kind === 'whole') headers['content-length'] = Buffer.byteLength(answer.body);
  const warnings = answer.warnings ?? [];
  if (warnings.length > 0) headers['warning'] = warnings.map((text) => `299 - ${quoted(text)}`);
  response.writeHead(answer.status, headers);
}

/** A quoted string of HTTP (RFC 9110, section 5.6.4); what cannot be in one becomes a space. */
function quoted(text: string): string {
  const plain = text.replaceAll(/[^\x20-\x7e]/g, ' ');
  return `"${plain.replaceAll(/["\\]/g, '\\$&')}"`;
}
