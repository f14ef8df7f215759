import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { messageOf, type Logger } from '@lateen/core';
import type { Address } from '../model/index.ts';
import { listenPlace } from '../wire/listen-place.ts';
import { SocketPath } from '../wire/socket-path.ts';
import { text, type AdminResponse, type AdminRoute } from './admin-request.ts';

export interface AdminServerOptions {
  readonly address: Address;
  readonly routes: readonly AdminRoute[];
  readonly log: Logger;
}

export interface AdminServer {
  /** Where it listens; the port that was chosen where 0 was asked for. */
  readonly address: Address;
  close(): Promise<void>;
}

/** Envoy's limit: expressions of filters may be long. */
const maxHeaderSize = 60 * 1024;

/** Serves the admin paths; rejects where the address cannot be listened on. */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { address, log } = options;
  const routes = new Map(options.routes.map((route) => [route.path, route]));
  const server = createServer(
    { keepAliveTimeout: 5_000, requestTimeout: 30_000, maxHeaderSize },
    (request, response) => {
      answer(routes, request)
        .catch((error: unknown) => {
          log.error('admin request failed', { path: request.url, error: messageOf(error) });
          return text('internal error\n', 500);
        })
        .then((answered) => send(response, answered))
        .catch(() => response.destroy())
        .finally(() => request.resume());
    },
  );
  const file = fileOf(address);
  const bound = await listen(server, address, file);
  return {
    address: bound,
    close: () =>
      new Promise((resolve) => {
        file?.remove();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  routes: ReadonlyMap<string, AdminRoute>,
  request: IncomingMessage,
): Promise<AdminResponse> {
  const [path, search] = splitTarget(request.url ?? '/');
  const method = request.method ?? 'GET';
  if (path === '/') return index(routes);
  if (path === '/help') return text(help(routes));
  const route = routes.get(path);
  if (route === undefined) return text(`invalid path. ${help(routes)}`, 404);
  if (route.mutates === true && method !== 'POST') {
    return text(`Method ${method} not allowed, POST required.`, 405);
  }
  const query = search === '' && isForm(request) ? await formOf(request) : new URLSearchParams(search);
  if (query === undefined) return text('the form is too large\n', 413);
  return route.handle({ method, path, query });
}

/** Path and query as they are: nothing of a target is a host here, however many slashes it begins with. */
function splitTarget(target: string): readonly [path: string, search: string] {
  const at = target.indexOf('?');
  const path = (at < 0 ? target : target.slice(0, at)).replace(/^\/+/, '/');
  return [path, at < 0 ? '' : target.slice(at + 1)];
}

const maxFormBytes = 1024 * 1024;

function isForm({ method, headers }: IncomingMessage): boolean {
  const type = headers['content-type']?.split(';', 1)[0]?.trim();
  return method === 'POST' && type === 'application/x-www-form-urlencoded';
}

/** Parameters in place of those of the path, as Envoy takes them too; undefined where there are too many. */
async function formOf(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  let length = 0;
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= maxFormBytes) chunks.push(chunk);
  }
  return length > maxFormBytes ? undefined : new URLSearchParams(Buffer.concat(chunks).toString());
}

function help(routes: ReadonlyMap<string, AdminRoute>): string {
  const own: readonly AdminRoute[] = [
    { path: '/', help: 'Admin home page', handle: () => index(routes) },
    { path: '/help', help: 'print out list of admin commands', handle: () => text(help(routes)) },
  ];
  const all = [...own, ...routes.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  let lines = 'admin commands are:\n';
  for (const route of all) {
    lines += `  ${route.path}${route.mutates === true ? ' (POST)' : ''}: ${route.help}\n`;
    for (const [name, what] of Object.entries(route.parameters ?? {})) lines += `      ${name}: ${what}\n`;
  }
  return lines;
}

function index(routes: ReadonlyMap<string, AdminRoute>): AdminResponse {
  const rows = [...routes.values()].map((route) => {
    const path =
      route.mutates === true
        ? `<form action="${route.path}" method="post"><button>${route.path}</button></form>`
        : `<a href="${route.path}">${route.path}</a>`;
    return `<tr><td>${path}</td><td>${route.help}</td></tr>`;
  });
  return {
    status: 200,
    contentType: 'text/html; charset=UTF-8',
    body: `<!doctype html><title>lateen-proxy admin</title><h1>lateen-proxy</h1><table>${rows.join('\n')}</table>\n`,
  };
}

function send(response: ServerResponse, answered: AdminResponse): void {
  response.writeHead(answered.status, {
    'content-type': answered.contentType,
    'cache-control': 'no-cache, max-age=0',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(answered.body),
  });
  response.end(answered.body);
}

/** Of a Unix domain socket that has one. */
function fileOf(address: Address): SocketPath | undefined {
  return address.kind === 'pipe' && !address.path.startsWith('\0')
    ? new SocketPath(address.path, address.mode)
    : undefined;
}

function listen(server: Server, address: Address, file: SocketPath | undefined): Promise<Address> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      file?.show();
      file?.note();
      const bound = server.address();
      resolve(
        bound === null || typeof bound === 'string'
          ? address
          : { kind: 'socket', address: bound.address, port: bound.port },
      );
    });
    if (address.kind === 'pipe') server.listen(file?.bindTo ?? address.path);
    else server.listen(listenPlace(address, true));
  });
}
