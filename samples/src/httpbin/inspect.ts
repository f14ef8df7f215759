import type { IncomingHttpHeaders } from 'node:http';
import type { Call } from '../serve/serve.ts';

/** `content-type` -> `Content-Type`, as httpbin shows names. */
function titleCase(name: string): string {
  return name.replaceAll(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
}

/** The request's headers as an object with title-case names. */
export function shownHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) shown[titleCase(name)] = Array.isArray(value) ? value.join(',') : value;
  }
  return shown;
}

/** Query or form fields; a name that comes more than once has a list. */
export function fields(parameters: URLSearchParams): Record<string, string | string[]> {
  const shown: Record<string, string | string[]> = {};
  for (const name of new Set(parameters.keys())) {
    const all = parameters.getAll(name);
    shown[name] = all.length === 1 ? (all[0] ?? '') : all;
  }
  return shown;
}

/** The address that a request came from: what a proxy says, else the connection's. */
export function origin(call: Call): string {
  const forwarded = call.request.headers['x-forwarded-for'];
  return typeof forwarded === 'string'
    ? forwarded
    : (call.request.socket.remoteAddress ?? '').replace('::ffff:', '');
}

/** What `/get` tells. */
export function describeGet(call: Call): Record<string, unknown> {
  const host = call.request.headers.host ?? 'localhost';
  const scheme = call.request.headers['x-forwarded-proto'] ?? 'http';
  return {
    args: fields(call.url.searchParams),
    headers: shownHeaders(call.request.headers),
    origin: origin(call),
    url: `${String(scheme)}://${host}${call.request.url ?? '/'}`,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** What `/post` and `/anything` tell: the same with method and body. */
export async function describeAny(call: Call): Promise<Record<string, unknown>> {
  const text = (await call.body()).toString('utf8');
  const form = (call.request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  return {
    ...describeGet(call),
    method: call.method,
    data: form ? '' : text,
    files: {},
    form: form ? fields(new URLSearchParams(text)) : {},
    json: parseJson(text),
  };
}
