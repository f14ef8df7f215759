import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { connect, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { createDataPlane } from '../create-data-plane.ts';
import {
  defaultCluster,
  defaultFilterChain,
  defaultForward,
  defaultHttpConnectionManager,
  defaultListener,
  defaultRoute,
  defaultRouteConfiguration,
  defaultVirtualHost,
  type Cluster,
  type Endpoint,
  type FilterChain,
  type HttpConnectionManager,
  type Listener,
  type Route,
  type RouteConfiguration,
} from '../model/index.ts';
import type { DataPlane, DataPlaneOptions } from '../data-plane.ts';

/** What is to be closed at the end of a test. */
export interface Closers {
  after(run: () => unknown): void;
}

/** An endpoint on loopback. */
export function endpoint(port: number, more: Partial<Endpoint> = {}): Endpoint {
  return {
    address: { kind: 'socket', address: '127.0.0.1', port },
    hostname: '',
    healthStatus: 'healthy',
    weight: 1,
    metadata: {},
    ...more,
  };
}

/** A static cluster of loopback ports. */
export function cluster(
  name: string,
  endpoints: readonly (number | Endpoint)[],
  more: Partial<Cluster> = {},
): Cluster {
  return {
    ...defaultCluster(name),
    loadAssignment: {
      name,
      localities: [
        {
          locality: { region: '', zone: '', subZone: '' },
          priority: 0,
          endpoints: endpoints.map((one) => (typeof one === 'number' ? endpoint(one) : one)),
        },
      ],
      overprovisioningFactor: 140,
      dropFractions: [],
    },
    ...more,
  };
}

/** A table with one virtual host for every name. */
export function routeTable(
  routes: readonly Route[],
  more: Partial<RouteConfiguration> = {},
): RouteConfiguration {
  return { ...defaultRouteConfiguration('routes', [defaultVirtualHost('all', ['*'], routes)]), ...more };
}

/** A route for everything to a cluster. */
export function routeTo(name: string): Route {
  return defaultRoute(defaultForward(name));
}

/** A listener on a free port of loopback with one connection manager. */
export function httpListener(
  routes: RouteConfiguration,
  manager: Partial<HttpConnectionManager> = {},
  chain: Partial<FilterChain> = {},
): Listener {
  const http = { ...defaultHttpConnectionManager({ kind: 'inline', config: routes }), ...manager };
  return defaultListener('main', { kind: 'socket', address: '127.0.0.1', port: 0 }, [
    { ...defaultFilterChain([http]), ...chain },
  ]);
}

/** A data plane that is closed at the end of the test. */
export function startDataPlane(test: Closers, options: DataPlaneOptions = {}): DataPlane {
  const dataPlane = createDataPlane(options);
  test.after(() => dataPlane.close());
  return dataPlane;
}

/** Puts a cluster in force when its hosts are known. */
export async function putWhenKnown(dataPlane: DataPlane, model: Cluster): Promise<void> {
  await dataPlane.prepareCluster(model);
  await dataPlane.update({ clusters: { set: [model] } });
}

/** The port of a listener that listens. */
export function portOf(dataPlane: DataPlane, name = 'main'): number {
  const status = dataPlane.listeners().find(({ listener }) => listener.name === name);
  const address = status?.boundAddresses[0];
  if (address?.kind !== 'socket') throw new Error(`${name} does not listen`);
  return address.port;
}

/** A data plane with one listener, its routes and clusters; answers with the port. */
export async function serveHttp(
  test: Closers,
  routes: readonly Route[],
  clusters: readonly Cluster[],
  manager: Partial<HttpConnectionManager> = {},
  options: DataPlaneOptions = {},
): Promise<{ readonly dataPlane: DataPlane; readonly port: number }> {
  const dataPlane = startDataPlane(test, options);
  const { refused } = await dataPlane.update({
    clusters: { set: clusters },
    listeners: { set: [httpListener(routeTable(routes), manager)] },
  });
  if (refused.length > 0) throw new Error(JSON.stringify(refused));
  return { dataPlane, port: portOf(dataPlane) };
}

/** An HTTP server of node:http; answers with its port. */
export async function upstream(
  test: Closers,
  listener: RequestListener,
): Promise<{ port: number; server: Server }> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: portOfServer(server), server };
}

/** A TCP server; answers with its port. */
export async function tcpUpstream(test: Closers, onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return portOfServer(server);
}

export function portOfServer(server: Server | TcpServer): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return address.port;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Asks with node:http and reads the whole answer. */
export function ask(
  port: number,
  path = '/',
  options: {
    readonly method?: string;
    readonly headers?: Record<string, string>;
    readonly body?: string;
  } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const request = httpRequest(
      { host: '127.0.0.1', port, path, method, headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends raw bytes and collects what comes until the peer ends. */
export async function exchangeRaw(
  port: number,
  bytes: string,
  options: { readonly end?: boolean } = {},
): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  if (options.end === true) socket.end();
  socket.on('end', () => socket.end());
  await once(socket, 'close');
  return text;
}

/** Resolves in the turn of the event loop in which this has become true. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

/** The value of a statistic, as the admin port shows it. */
export function statOf(dataPlane: DataPlane, name: string): number {
  const line = dataPlane.stats
    .text()
    .split('\n')
    .find((one) => one.startsWith(`${name}: `));
  if (line === undefined) throw new Error(`there is no statistic ${name}`);
  return Number(line.slice(name.length + 2));
}

/** An access log of one format, kept in memory: what a connection manager and the options of a data plane need for it. */
export function keptAccessLog(format: string): {
  readonly lines: string[];
  readonly accessLogs: HttpConnectionManager['accessLogs'];
  readonly options: Pick<DataPlaneOptions, 'writeAccessLog'>;
} {
  const lines: string[] = [];
  return {
    lines,
    accessLogs: [{ name: 'log', sink: { kind: 'stdout' }, format: { kind: 'text', text: format } }],
    options: { writeAccessLog: (_sink, text) => void lines.push(text) },
  };
}
