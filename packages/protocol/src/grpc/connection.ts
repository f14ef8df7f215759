import { connect, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { messageOf, type Clock, type Timer } from '@lateen/core';
import { GrpcError } from './status.ts';

/** Where a server listens: an address, or the path of a Unix socket. */
export type ChannelTarget = { readonly host: string; readonly port: number } | { readonly path: string };

/** TLS of a client; the server's certificate is always verified. */
export interface ChannelTls {
  /** PEM of the roots that are trusted; the system's where absent. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Name that the certificate must have; the target's host where absent. */
  readonly serverName?: string;
  /** PEM of our own certificate chain. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Replaces the check of the certificate's name, as in a check of its SPIFFE id. */
  readonly checkServerIdentity?: ConnectionOptions['checkServerIdentity'];
}

interface ConnectLimits {
  readonly limitMs: number;
  readonly clock: Clock;
}

/** Connects and makes an HTTP/2 session of the connection; rejects with UNAVAILABLE. */
export async function connectSession(
  target: ChannelTarget,
  tls: ChannelTls | undefined,
  limits: ConnectLimits,
): Promise<ClientHttp2Session> {
  const socket = await connectSocket(target, tls, limits);
  const name = 'path' in target ? 'localhost' : `${bracketed(target.host)}:${target.port}`;
  const session = connect(`${tls === undefined ? 'http' : 'https'}://${name}`, {
    createConnection: () => socket,
    maxSessionMemory: 64,
    settings: { enablePush: false, initialWindowSize: 1024 * 1024 },
  });
  session.on('error', () => {
    // Told to every open stream by its own error and close events.
  });
  session.once('connect', () => session.setLocalWindowSize(4 * 1024 * 1024));
  return session;
}

function connectSocket(
  target: ChannelTarget,
  tls: ChannelTls | undefined,
  { limitMs, clock }: ConnectLimits,
): Promise<Socket> {
  const options = 'path' in target ? { path: target.path } : { host: target.host, port: target.port };
  const host = 'path' in target ? 'localhost' : target.host;
  return new Promise((resolve, reject) => {
    const socket =
      tls === undefined
        ? connectTcp({ ...options, noDelay: true })
        : connectTls({
            ...options,
            ALPNProtocols: ['h2'],
            servername: tls.serverName ?? (/^[\d.]+$|:/.test(host) ? '' : host),
            ...(tls.ca === undefined ? {} : { ca: tls.ca as string | Buffer | (string | Buffer)[] }),
            ...(tls.cert === undefined ? {} : { cert: tls.cert }),
            ...(tls.key === undefined ? {} : { key: tls.key }),
            ...(tls.checkServerIdentity === undefined
              ? {}
              : { checkServerIdentity: tls.checkServerIdentity }),
          });
    const timer: Timer = clock.after(limitMs, () => {
      socket.destroy(new Error(`no connection within ${limitMs} ms`));
    });
    const onError = (error: Error): void => {
      timer.cancel();
      reject(unavailable(error, target));
    };
    socket.once('error', onError);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      timer.cancel();
      socket.off('error', onError);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** The error of a connection that could not be made or was lost. */
export function unavailable(error: unknown, target?: ChannelTarget): GrpcError {
  const where =
    target === undefined
      ? ''
      : `${'path' in target ? target.path : `${bracketed(target.host)}:${target.port}`}: `;
  return new GrpcError('UNAVAILABLE', `${where}${messageOf(error)}`, { cause: error });
}
