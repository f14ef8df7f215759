import type { CompareCase } from './case.ts';

/** A request of HTTP/1.1 for the host `a`. */
export const get = (path: string, ...lines: readonly string[]): string =>
  `GET ${path} HTTP/1.1\r\n${['host: a', ...lines].map((line) => `${line}\r\n`).join('')}\r\n`;

export const post = (body: string, ...lines: readonly string[]): string =>
  `POST / HTTP/1.1\r\n${['host: a', ...lines].map((line) => `${line}\r\n`).join('')}\r\n${body}`;

/** A case of one client that sends these bytes. */
export const sends = (what: string, bytes: string, more: Partial<CompareCase> = {}): CompareCase => ({
  what,
  clients: [{ send: [bytes] }],
  ...more,
});
