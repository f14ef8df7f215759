import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { messageOf, type Logger } from '@lateen/core';
import { parseAppProbers, probeApp, type AppProbe } from './app-probe.ts';

export interface StatusServerOptions {
  readonly port: number;
  readonly log: Logger;
  /** The JSON of `$ISTIO_KUBE_APP_PROBERS`. */
  readonly appProbers: string | undefined;
  /** What readiness still waits for; empty when ready. */
  readonly missing: () => readonly string[];
  /** The proxy's and the application's metrics. */
  readonly metrics: () => Promise<string>;
  readonly quit: () => void;
  /** Tells clients to leave, and goes on serving. */
  readonly drain: () => void;
}

export interface StatusServer {
  readonly port: number;
  close(): Promise<void>;
}

/** The agent's port 15020: readiness, metrics, and the application's probes, which the kubelet sends here. */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { log } = options;
  const probers = parseAppProbers(options.appProbers ?? '{}');
  if (!probers.ok) {
    for (const problem of probers.problems)
      log.warn('probe is not usable', { path: problem.path, reason: problem.message });
  }
  const probes: ReadonlyMap<string, AppProbe> = probers.ok ? probers.value : new Map();
  let lastMissing: string | undefined;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    if (path === '/healthz/ready') {
      const missing = options.missing().slice(0, 3).join(', ');
      if (missing !== lastMissing && missing !== '') log.info('not ready', { missing });
      lastMissing = missing;
      reply(response, missing === '' ? 200 : 503, missing === '' ? '' : `${missing}\n`);
      return;
    }
    if (path === '/stats/prometheus' || path === '/metrics') {
      response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      reply(response, 200, await options.metrics());
      return;
    }
    if (path === '/quitquitquit' || path === '/drain') {
      if (request.method !== 'POST') reply(response, 405, 'takes POST\n');
      else if (!isLocal(request)) reply(response, 403, 'only from this pod\n');
      else {
        reply(response, 200, 'OK\n');
        if (path === '/drain') options.drain();
        else options.quit();
      }
      return;
    }
    const probe = probes.get(path);
    if (probe === undefined) {
      reply(response, 404, 'not found\n');
      return;
    }
    const outcome = await probeApp(probe, request.headers);
    reply(response, outcome.status, outcome.body);
  }

  const server = createServer({ keepAliveTimeout: 5_000 }, (request, response) => {
    request.resume();
    handle(request, response).catch((error: unknown) => {
      log.warn('status request failed', { path: request.url, error: messageOf(error) });
      if (response.headersSent) response.destroy();
      else reply(response, 500, `${messageOf(error)}\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, () => resolve());
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : options.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function reply(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function isLocal(request: IncomingMessage): boolean {
  const address = request.socket.remoteAddress ?? '';
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}
