import { Socket, type SocketConstructorOpts } from 'node:net';
import { TLSSocket } from 'node:tls';
import { codeOf } from '@lateen/core';
import type { DownstreamTls } from '../model/tls.ts';
import { SecureWire } from '../wire/secure-wire.ts';
import type { PlainWire } from '../wire/plain-wire.ts';
import type { Turn } from '../wire/turn.ts';
import { describeTls } from './describe-connection.ts';
import type { TlsSettings } from './tls-context.ts';

export interface ServerHandshakeListener {
  onSecure(wire: SecureWire): void;
  /** The handshake did not come to its end; the socket is closed. */
  onFailed(reason: 'handshake' | 'peer'): void;
}

/** OpenSSL's error for a chain, by Node's name; undefined for a good chain. */
function chainError(socket: TLSSocket): string | undefined {
  // `authorized` is only set for sockets of a tls.Server; this is where it comes from.
  const { ssl } = socket as unknown as { readonly ssl: { verifyError(): Error | null } | null };
  const error = ssl === null ? new Error('the socket is closed') : ssl.verifyError();
  return error === null ? undefined : (codeOf(error) ?? error.message);
}

/**
 * The protocols that are agreed on by ALPN: none where nothing is in common. Node would end the handshake then;
 * Envoy goes on without, and Istio's proxies offer names that only proxies know.
 */
function offeredAlpn(own: readonly string[], client: readonly string[] | undefined): readonly string[] {
  if (client === undefined || own.some((protocol) => client.includes(protocol))) return own;
  return [];
}

/**
 * Takes the server's part of a TLS handshake on an accepted connection, of which `early` has been read
 * already. `hello` is what the client said, as far as that was looked at. Exactly one method of the listener
 * is called, later.
 */
export function startServerTls(
  turn: Turn,
  plain: PlainWire,
  early: Buffer | undefined,
  model: DownstreamTls,
  settings: TlsSettings,
  hello: { readonly serverName: string; readonly alpn: readonly string[] | undefined },
  listener: ServerHandshakeListener,
): { cancel(): void } {
  const { serverName } = hello;
  const alpn = offeredAlpn(model.options.alpn, hello.alpn);
  // `handle` is how Node's own servers make sockets; the types leave it out.
  const options = { handle: plain.detach(), allowHalfOpen: true, manualStart: true };
  const socket = new Socket(options as unknown as SocketConstructorOpts);
  if (early !== undefined) socket.unshift(early);
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: settings.context,
    requestCert: settings.verifies || model.requireClientCertificate,
    // Judged below, by our own rules and with our own counters.
    rejectUnauthorized: false,
    ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
  });
  let over = false;
  const finish = (run: () => void): void => {
    if (over) return;
    over = true;
    secure.off('secure', onSecure);
    secure.off('close', onFail);
    turn.enter();
    try {
      run();
    } finally {
      turn.leave();
    }
  };
  const onFail = (): void => finish(() => listener.onFailed('handshake'));
  const onSecure = (): void => {
    const certificate = secure.getPeerX509Certificate();
    if (model.requireClientCertificate || certificate !== undefined) {
      const verdict = settings.check(certificate, chainError(secure), serverName);
      if (verdict !== undefined || (model.requireClientCertificate && certificate === undefined)) {
        finish(() => {
          secure.destroy();
          listener.onFailed('peer');
        });
        return;
      }
    }
    finish(() => {
      secure.off('error', ignore);
      const wire = new SecureWire(turn, secure, plain.readBuffer, describeTls(secure, serverName));
      wire.resume();
      listener.onSecure(wire);
    });
  };
  const ignore = (): void => {};
  secure.on('error', ignore);
  secure.on('secure', onSecure);
  secure.on('close', onFail);
  return {
    cancel() {
      over = true;
      secure.destroy();
    },
  };
}
