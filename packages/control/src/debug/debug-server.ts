import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { istioVersion } from '@lateen/config';
import { messageOf, type Clock } from '@lateen/core';
import type { KubernetesIngest } from '../ingest/kubernetes/adapter.ts';
import { services, virtualServices } from '../model/tables.ts';
import type { DiscoveryServer } from '../push/discovery-server.ts';
import { renderMetrics } from './metrics.ts';
import { findConnection, pages } from './pages.ts';

export interface DebugServerOptions {
  readonly discovery: DiscoveryServer;
  readonly ingest: KubernetesIngest;
  readonly clock: Clock;
  readonly isReady: () => boolean;
}

/** Metrics, debug pages and readiness, on as many ports as asked for. */
export interface DebugServer {
  /** Resolves with the port. */
  listen(at: { readonly port: number; readonly host?: string }): Promise<number>;
  close(): Promise<void>;
}

export function debugServer(options: DebugServerOptions): DebugServer {
  const servers: Server[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    answer(options, request, response).catch((error: unknown) => {
      if (!response.headersSent) send(response, 500, 'text/plain', `${messageOf(error)}\n`);
    });
  };
  return {
    listen: ({ port, host }) =>
      new Promise((resolve, reject) => {
        const server = createServer(handle);
        servers.push(server);
        server.once('error', reject);
        server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
          resolve((server.address() as AddressInfo).port);
        });
      }),
    async close() {
      await Promise.all(
        servers.map(
          (server) =>
            new Promise<void>((resolve) => {
              server.close(() => resolve());
              server.closeAllConnections();
            }),
        ),
      );
    },
  };
}

async function answer(
  options: DebugServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { discovery, ingest, isReady, clock } = options;
  // Istio's own istioctl asks for //version; Go's servers take that for /version.
  const url = new URL(`http://localhost/${(request.url ?? '').replace(/^\/+/, '')}`);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, 'text/plain', 'only GET is supported\n');
    return;
  }
  const page = Object.hasOwn(pages, url.pathname) ? pages[url.pathname] : undefined;
  if (page !== undefined) {
    sendJson(response, 200, page.show({ discovery, ingest }, url.searchParams));
    return;
  }
  switch (url.pathname) {
    case '/ready':
    case '/healthz/ready':
      send(response, isReady() ? 200 : 503, 'text/plain', isReady() ? '' : 'the mesh is still being read\n');
      return;
    case '/version':
      send(response, 200, 'text/plain', `${istioVersion}-lateen`);
      return;
    case '/metrics':
      send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', metrics(options, clock));
      return;
    case '/debug/config_dump':
    case '/config_dump':
      await sendConfigDump(discovery, url.searchParams.get('proxyID') ?? '', response);
      return;
    case '/':
    case '/debug':
    case '/debug/list': {
      const paths = ['/ready', '/version', '/metrics', '/debug/config_dump?proxyID=POD.NAMESPACE'];
      const about = Object.entries(pages).map(([path, { about }]) => `${path}  ${about}`);
      send(response, 200, 'text/plain', `${[...paths, ...about].join('\n')}\n`);
      return;
    }
    default:
      send(response, 404, 'text/plain', 'there is no such page; see /debug\n');
  }
}

async function sendConfigDump(
  discovery: DiscoveryServer,
  proxyId: string,
  response: ServerResponse,
): Promise<void> {
  const connection = findConnection(discovery, proxyId);
  if (connection === undefined) {
    send(response, 404, 'text/plain', `no proxy "${proxyId}" is connected; /debug/syncz lists them\n`);
    return;
  }
  const { configDumpJson } = await import('./config-dump-json.ts');
  sendJson(response, 200, configDumpJson(connection));
}

function metrics({ discovery }: DebugServerOptions, clock: Clock): string {
  const { engine, statistics, resourceSets } = discovery;
  return renderMetrics({
    push: statistics,
    services: engine.state.keys(services).length,
    virtualServices: engine.state.keys(virtualServices).length,
    resourceSets,
    memos: engine.size,
    computed: engine.stats.computed,
    version: istioVersion,
    nowMs: clock.now(),
  });
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json', `${JSON.stringify(value, null, 2)}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
