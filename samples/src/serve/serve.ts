import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** One request, with what a small service asks of it. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly url: URL;
  /** The whole body, read when asked for; rejects past 10 MiB. */
  readonly body: () => Promise<Buffer>;
}

const maxBodyBytes = 10 * 1024 * 1024;
const lameDuckMs = 300;

function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBodyBytes) {
        reject(new Error(`the body is larger than ${maxBodyBytes} bytes`));
        request.destroy();
      } else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

/** Answers with JSON. */
export function sendJson(response: ServerResponse, status: number, value: unknown, indent?: number): void {
  const text = `${JSON.stringify(value, undefined, indent)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** Answers with text of the type given, `text/plain` by default. */
export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** Takes a connection over that asks for another protocol. */
export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * Serves HTTP/1.1 on a port of all addresses until SIGTERM or SIGINT, then finishes what is
 * under way. A handler that throws gives 500.
 */
export function serve(
  name: string,
  port: number,
  handle: (call: Call) => void | Promise<void>,
  upgrade?: Upgrade,
): void {
  const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    const url = new URL(request.url ?? '/', 'http://service');
    const call: Call = {
      request,
      response,
      method: request.method ?? 'GET',
      url,
      body: () => readBody(request),
    };
    Promise.resolve()
      .then(() => handle(call))
      .catch((error: unknown) => {
        process.stderr.write(`${name}: ${call.method} ${url.pathname}: ${String(error)}\n`);
        if (!response.headersSent) sendText(response, 500, 'internal error\n');
        else response.destroy();
      });
  });
  if (upgrade !== undefined) server.on('upgrade', upgrade);
  server.listen(port, () => {
    process.stdout.write(`${name} is listening on port ${(server.address() as AddressInfo).port}\n`);
  });
  // Clients learn that this pod is going a moment after it does: until then it serves on.
  const stop = (): void => {
    setTimeout(() => {
      server.close(() => process.exit(0));
      server.closeIdleConnections();
    }, lameDuckMs);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** The port to serve on: the first command-line argument, else `PORT`, else the service's own. */
export function portOr(standard: number): number {
  const text = process.argv[2] ?? process.env['PORT'];
  const port = Number(text ?? standard);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  process.stderr.write(`the port must be a number from 0 to 65535, not ${text}\n`);
  return process.exit(2);
}
