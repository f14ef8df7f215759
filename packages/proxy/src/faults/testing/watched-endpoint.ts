import type { Socket } from 'node:net';
import { defaultForward, defaultRoute } from '../../model/index.ts';
import type { HttpConnectionManager } from '../../model/network-filter.ts';
import type { Expected } from '../../testing/fault-case.ts';
import { cluster, tcpUpstream, type Closers } from '../../testing/harness.ts';
import { watchedProxy, type WatchedProxy } from '../../testing/watched-proxy.ts';

/** What the endpoint does with a request. */
export type Behaviour = 'answers' | 'waits' | 'begins to answer';

/** What is left of a client that is gone. */
export const left: Omit<Expected, 'status' | 'body'> = {
  logged: 0,
  flags: 'DC',
  details: 'downstream_remote_disconnect',
  counted: {
    'http.http.downstream_rq_total': 1,
    'http.http.downstream_rq_rx_reset': 1,
    'http.http.downstream_cx_destroy': 1,
    'http.http.downstream_cx_destroy_remote': 1,
    'http.http.downstream_cx_destroy_remote_active_rq': 1,
  },
};

/** A proxy with one endpoint; tells when the endpoint has seen a request. */
export async function watchedEndpoint(
  t: Closers,
  behaviour: Behaviour,
  manager: Partial<HttpConnectionManager> = {},
): Promise<WatchedProxy & { readonly asked: Promise<Socket> }> {
  const asked = Promise.withResolvers<Socket>();
  const up = await tcpUpstream(t, (socket) => {
    socket.once('data', () => {
      asked.resolve(socket);
      if (behaviour === 'answers') socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      if (behaviour === 'begins to answer') socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell');
    });
    socket.on('end', () => socket.end());
  });
  const route = defaultRoute({ ...defaultForward('up'), timeoutMs: 0 });
  const proxy = await watchedProxy(t, [route], [cluster('up', [up])], manager);
  return { ...proxy, asked: asked.promise };
}
