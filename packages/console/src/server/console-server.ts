import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LateenError, codeOf, messageOf, type Clock, type Logger } from '@lateen/core';
import { LiveMesh } from '../live-mesh.ts';
import type { MeshSource } from '../mesh-source.ts';
import { newToken, refuseForeign, refuseStranger } from './access.ts';
import { sendEvents } from './event-stream.ts';
import { readPage, type PageFile } from './page-files.ts';

export interface ConsoleOptions {
  readonly source: MeshSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Folder with the built page: `index.html`, `page.js`, `page.css`, `icon.svg`. */
  readonly pageDir: string;
  /** Default 0: any that is free. */
  readonly port?: number;
}

/** A console that answers. */
export interface RunningConsole {
  /** With the token. */
  readonly url: string;
  close(): Promise<void>;
}

// Nothing from elsewhere, not even by mistake; nobody may frame the page.
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Serves the page and its JSON API on the loopback. */
export async function startConsole(options: ConsoleOptions): Promise<RunningConsole> {
  const page = readPage(options.pageDir);
  const token = newToken();
  const mesh = new LiveMesh(options);
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    answer(request, response, { mesh, page, token, port, clock: options.clock }).catch((error: unknown) => {
      options.logger.warn('a request failed', { path: request.url, error: messageOf(error) });
      if (response.headersSent) response.destroy();
      else sendText(response, 500, `${messageOf(error)}\n`);
    });
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port ?? 0, '127.0.0.1', resolve);
    });
  } catch (error) {
    mesh.close();
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    throw new LateenError('console.portTaken', `port ${options.port} is taken`, {
      cause: error,
      hint: 'leave out --port to get one that is free',
    });
  }
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/?token=${token}`,
    async close() {
      mesh.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

interface AnswerParts {
  readonly mesh: LiveMesh;
  readonly page: ReadonlyMap<string, PageFile>;
  readonly token: string;
  readonly port: number;
  readonly clock: Clock;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { mesh, page, token, port, clock }: AnswerParts,
): Promise<void> {
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  const url = new URL(request.url ?? '/', 'http://localhost');
  // The page itself holds no secrets: it shows nothing without the token.
  const file = page.get(url.pathname);
  const refusal =
    refuseForeign(request, port) ?? (file === undefined ? refuseStranger(request, url, token) : undefined);
  if (refusal !== undefined) {
    sendText(response, refusal.status, `${refusal.message}\n`);
    return;
  }
  if (file !== undefined) {
    response.setHeader('content-security-policy', pagePolicy);
    response.writeHead(200, { 'content-type': file.type, 'content-length': file.body.length });
    response.end(request.method === 'HEAD' ? undefined : file.body);
    return;
  }
  switch (url.pathname) {
    case '/api/mesh':
      return sendJson(response, await mesh.mesh());
    case '/api/config':
      return sendJson(response, mesh.config());
    case '/api/proxies':
      return sendJson(response, await mesh.proxies());
    case '/api/events':
      return sendEvents(response, mesh, clock);
    default:
      return sendText(response, 404, 'there is no such page\n');
  }
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}
