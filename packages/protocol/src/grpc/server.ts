import { createSecureServer, createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { silentLogger, systemClock, type Clock, type Logger, type Timer } from '@lateen/core';
import type { MethodType } from '../codec/service-type.ts';
import { defaultMaxMessageBytes } from './framing.ts';
import { keepAlive } from './keepalive.ts';
import {
  refuse,
  ServerCall,
  type CallContext,
  type Peer,
  type ServerStream,
  type ServerStreamHandlers,
} from './server-call.ts';
import { contextOf, type GrpcServerOptions, type ListenOptions, type ServerTls } from './server-options.ts';
import { http2Codes } from './http2-codes.ts';
import { GrpcError } from './status.ts';

/** A port that the server answers on. */
export interface GrpcListener {
  /** The port; 0 for a Unix socket. */
  readonly port: number;
  /** Changes the certificate for connections made from now on. */
  updateTls(tls: ServerTls): void;
}

/** Answers one unary call; throw a {@link GrpcError} to fail it. */
export type UnaryHandler<Request, Response> = (
  request: Request,
  call: CallContext,
) => Response | Promise<Response>;

/** Takes a stream; returns what is called with its messages. Throw a {@link GrpcError} to refuse it. */
export type StreamHandler<Request, Response> = (
  stream: ServerStream<Response>,
) => ServerStreamHandlers<Request>;

export interface GrpcServer {
  /** Registers a unary method. */
  unary<Request, Response>(
    method: MethodType<Request, Response>,
    handler: UnaryHandler<Request, Response>,
  ): void;
  /** Registers a streaming method. */
  stream<Request, Response>(
    method: MethodType<Request, Response>,
    handler: StreamHandler<Request, Response>,
  ): void;
  /** Opens a port; rejects with Node's error where it is taken. */
  listen(options: ListenOptions): Promise<GrpcListener>;
  /** Connections that are open. */
  readonly connections: number;
  /** Stops listening, lets calls end for `graceMs` (default 0), then cuts what is left. */
  close(graceMs?: number): Promise<void>;
}

/** Makes a server; register methods, then listen. */
export function createGrpcServer(options: GrpcServerOptions = {}): GrpcServer {
  return new Http2GrpcServer(options);
}

interface Registered {
  readonly method: MethodType<unknown, unknown>;
  readonly open: StreamHandler<unknown, unknown>;
}

class Http2GrpcServer implements GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #methods = new Map<string, Registered>();
  readonly #servers = new Set<Server>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #calls = new Set<ServerCall<unknown, unknown>>();

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  unary<Request, Response>(
    method: MethodType<Request, Response>,
    handler: UnaryHandler<Request, Response>,
  ): void {
    this.stream(method, (stream) => {
      let request: { readonly value: Request } | undefined;
      return {
        onMessage(value) {
          if (request !== undefined)
            stream.fail(new GrpcError('UNIMPLEMENTED', 'a unary call has one message'));
          request = { value };
        },
        onHalfClose() {
          if (request === undefined) {
            stream.fail(new GrpcError('UNIMPLEMENTED', 'the call has no message'));
            return;
          }
          const { value } = request;
          Promise.resolve()
            .then(() => handler(value, stream))
            .then(
              (response) => {
                stream.send(response);
                stream.end();
              },
              (error: unknown) => stream.fail(error),
            );
        },
      };
    });
  }

  stream<Request, Response>(
    method: MethodType<Request, Response>,
    handler: StreamHandler<Request, Response>,
  ): void {
    if (this.#methods.has(method.path)) throw new Error(`${method.path} is registered twice`);
    this.#methods.set(method.path, {
      method,
      // The registry forgets the types; the codec restores them at each call.
      open: handler,
    });
  }

  async listen(options: ListenOptions): Promise<GrpcListener> {
    const server = this.#createServer(options.tls);
    this.#servers.add(server);
    server.on('session', (session: ServerHttp2Session) => this.#onSession(session));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const listening = (): void => {
        server.off('error', reject);
        server.on('error', (error) => this.#logger.error('listener failed', { error: error.message }));
        resolve();
      };
      if (options.path !== undefined) server.listen({ path: options.path }, listening);
      else
        server.listen(
          { port: options.port ?? 0, ...(options.host === undefined ? {} : { host: options.host }) },
          listening,
        );
    });
    const address = server.address();
    return {
      port: typeof address === 'object' && address !== null ? address.port : 0,
      updateTls: (tls) => {
        if (!('setSecureContext' in server)) throw new Error('the listener is plain text');
        (server as { setSecureContext(options: SecureContextOptions): void }).setSecureContext(
          contextOf(tls),
        );
      },
    };
  }

  async close(graceMs = 0): Promise<void> {
    const stopped = [...this.#servers].map(
      (server) => new Promise<void>((resolve) => void server.close(() => resolve())),
    );
    this.#servers.clear();
    const sessionsClosed = [...this.#sessions].map(
      (session) =>
        new Promise<void>((resolve) => {
          session.once('close', resolve);
          session.close();
        }),
    );
    let grace = graceMs === 0 ? undefined : this.#clock.after(graceMs, () => this.#cut());
    if (graceMs === 0) this.#cut();
    await Promise.all(sessionsClosed);
    grace?.cancel();
    grace = undefined;
    await Promise.all(stopped);
  }

  /** Ends what is open with a status that tells clients to go elsewhere. */
  #cut(): void {
    for (const call of this.#calls) call.fail(new GrpcError('UNAVAILABLE', 'the server is shutting down'));
    // The statuses are on their way by then; a peer that does not read is not waited for.
    setImmediate(() => {
      for (const session of this.#sessions) session.destroy();
    });
  }

  #createServer(tls: ServerTls | undefined): Http2Server {
    const common = {
      maxSessionMemory: 64,
      settings: {
        enablePush: false,
        initialWindowSize: 1024 * 1024,
        maxConcurrentStreams: this.#options.maxConcurrentStreams ?? 1000,
      },
    };
    if (tls === undefined) return createServer(common);
    return createSecureServer({
      ...common,
      ...contextOf(tls),
      minVersion: 'TLSv1.2',
      requestCert: tls.clientCa !== undefined,
      rejectUnauthorized: tls.requireClientCertificate ?? false,
    });
  }

  #onSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    const peer = peerOf(session.socket);
    session.on('error', (error) =>
      this.#logger.debug('connection failed', { peer: peer.address, error: error.message }),
    );
    session.on('stream', (stream, headers) => {
      const path = headers[':path'] ?? '';
      const registered = this.#methods.get(path);
      if (headers[':method'] !== 'POST' || !isGrpc(headers['content-type'])) {
        stream.respond({ ':status': 415 }, { endStream: true });
        return;
      }
      if (registered === undefined) {
        refuse(stream, new GrpcError('UNIMPLEMENTED', `unknown method ${path}`));
        return;
      }
      const call = new ServerCall({
        stream,
        headers,
        peer,
        method: registered.method,
        open: registered.open,
        clock: this.#clock,
        logger: this.#logger,
        maxMessageBytes: this.#options.maxMessageBytes ?? defaultMaxMessageBytes,
        onClose: () => this.#calls.delete(call),
      });
      this.#calls.add(call);
      call.start();
    });
    const { keepaliveMs = 30_000, keepaliveTimeoutMs = 10_000 } = this.#options;
    keepAlive(session, this.#clock, keepaliveMs, keepaliveTimeoutMs);
    const age = this.#limitAge(session);
    session.once('close', () => {
      this.#sessions.delete(session);
      age?.cancel();
    });
  }

  #limitAge(session: ServerHttp2Session): Timer | undefined {
    const { maxConnectionAgeMs } = this.#options;
    if (maxConnectionAgeMs === undefined) return undefined;
    // Spread by a tenth either way, so that connections made together do not come back together.
    const ageMs = maxConnectionAgeMs * (0.9 + Math.random() * 0.2);
    return this.#clock.after(ageMs, () => session.goaway(http2Codes.noError));
  }
}

function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc($|[+;])/.test(contentType);
}

function peerOf(socket: Socket | TLSSocket): Peer {
  const address = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
  // Sessions show their socket through a proxy, which instanceof does not see through.
  if (!('encrypted' in socket) || !socket.encrypted) {
    return { address, encrypted: false, certificate: undefined, verified: false };
  }
  return {
    address,
    encrypted: true,
    certificate: socket.getPeerX509Certificate(),
    verified: socket.authorized,
  };
}
