import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { sendJson, sendText, type Call } from '../serve/serve.ts';
import { describeAny, describeGet, fields, origin, shownHeaders } from './inspect.ts';
import { documents } from './documents.ts';
import { bytes, drip, range, stream } from './streams.ts';

type Handle = (call: Call, parts: readonly string[]) => void | Promise<void>;

interface Route {
  readonly pattern: RegExp;
  readonly methods: readonly string[] | 'any';
  readonly handle: Handle;
}

const get = ['GET', 'HEAD'];

/** `/delay/{n}` -> a pattern whose groups are the braces. */
function route(path: string, methods: readonly string[] | 'any', handle: Handle): Route {
  return { pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '([^/]+)')}$`), methods, handle };
}

function json(call: Call, value: unknown, status = 200): void {
  sendJson(call.response, status, value, 2);
}

function number(text: string | undefined, most: number): number {
  const value = Number(text);
  return Number.isFinite(value) ? Math.max(0, Math.min(most, value)) : 0;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One of `200` or `200:0.9,503:0.1`. */
function pickStatus(text: string): number {
  const choices = text.split(',').map((part) => {
    const [code = '', weight = '1'] = part.split(':');
    return { code: Number(code), weight: Number(weight) };
  });
  let left = Math.random() * choices.reduce((sum, choice) => sum + choice.weight, 0);
  for (const choice of choices) {
    left -= choice.weight;
    if (left <= 0) return choice.code;
  }
  return choices[0]?.code ?? 200;
}

function status(call: Call, [text = '']: readonly string[]): void {
  const code = pickStatus(text);
  if (!Number.isInteger(code) || code < 200 || code > 599)
    return sendText(call.response, 400, 'Invalid status code\n');
  if (code === 401) call.response.setHeader('www-authenticate', 'Basic realm="Fake Realm"');
  if ([301, 302, 303, 305, 307, 308].includes(code)) call.response.setHeader('location', '/redirect/1');
  if (code === 418) return sendText(call.response, code, "I'm a teapot\n");
  call.response.writeHead(code, { 'content-length': 0 });
  call.response.end();
}

function redirect(call: Call, to: string, code = 302): void {
  call.response.writeHead(code, { location: to, 'content-length': 0 });
  call.response.end();
}

function redirects(prefix: string, absolute: boolean): Handle {
  return (call, [text]) => {
    const left = Math.max(1, Math.trunc(number(text, 100)));
    const base = absolute ? `http://${call.request.headers.host ?? 'localhost'}` : '';
    redirect(call, left === 1 ? `${base}/get` : `${base}/${prefix}/${left - 1}`);
  };
}

function redirectTo(call: Call): void {
  const to = call.url.searchParams.get('url');
  const code = Number(call.url.searchParams.get('status_code') ?? 302);
  if (to === null) return sendText(call.response, 400, 'url is missing\n');
  redirect(call, to, code >= 300 && code <= 399 ? code : 302);
}

function cookiesOf(call: Call): Record<string, string> {
  const pairs = (call.request.headers.cookie ?? '').split(';').map((pair) => pair.trim().split('=', 2));
  return Object.fromEntries(
    pairs.filter(([name]) => name !== '').map(([name = '', value = '']) => [name, value]),
  );
}

function setCookies(call: Call, cookies: Record<string, string>, suffix = ''): void {
  const lines = Object.entries(cookies).map(([name, value]) => `${name}=${value}; Path=/${suffix}`);
  call.response.setHeader('set-cookie', lines);
  redirect(call, '/cookies');
}

function basicAuth(hidden: boolean): Handle {
  return (call, [user = '', password = '']) => {
    const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    if (call.request.headers.authorization === wanted) return json(call, { authenticated: true, user });
    if (hidden) return sendText(call.response, 404, 'not found\n');
    call.response.setHeader('www-authenticate', 'Basic realm="Fake Realm"');
    return sendText(call.response, 401, '');
  };
}

function bearer(call: Call): void {
  const [scheme, token] = (call.request.headers.authorization ?? '').split(' ', 2);
  if (scheme === 'Bearer' && token !== undefined) return json(call, { authenticated: true, token });
  call.response.setHeader('www-authenticate', 'Bearer');
  return sendText(call.response, 401, '');
}

function compressed(name: string, encoding: string, compress: (input: Buffer) => Buffer): Handle {
  return (call) => {
    const body = compress(
      Buffer.from(JSON.stringify({ ...describeGet(call), method: call.method, [name]: true }, undefined, 2)),
    );
    call.response.writeHead(200, {
      'content-type': 'application/json',
      'content-encoding': encoding,
      'content-length': body.length,
    });
    call.response.end(body);
  };
}

function cache(call: Call): void {
  const { headers } = call.request;
  if (headers['if-modified-since'] !== undefined || headers['if-none-match'] !== undefined) {
    call.response.writeHead(304).end();
    return;
  }
  call.response.setHeader('last-modified', new Date().toUTCString());
  call.response.setHeader('etag', `"${randomUUID()}"`);
  json(call, describeGet(call));
}

function etag(call: Call, [tag = '']: readonly string[]): void {
  call.response.setHeader('etag', `"${tag}"`);
  const none = call.request.headers['if-none-match'];
  if (none !== undefined && (none === '*' || none.includes(`"${tag}"`))) {
    call.response.writeHead(304).end();
    return;
  }
  json(call, describeGet(call));
}

function responseHeaders(call: Call): void {
  const wanted = fields(call.url.searchParams);
  for (const [name, value] of Object.entries(wanted)) call.response.setHeader(name, value);
  json(call, wanted);
}

function document(name: keyof typeof documents): Handle {
  const { type, text } = documents[name];
  return (call) => sendText(call.response, 200, text, type);
}

/** Every path, the first that matches serves. */
export const routes: readonly Route[] = [
  route('/', get, document('index')),
  route('/get', get, (call) => json(call, describeGet(call))),
  ...['post', 'put', 'patch', 'delete'].map((name) =>
    route(`/${name}`, [name.toUpperCase()], async (call) => json(call, await describeAny(call))),
  ),
  route('/anything(?:/.*)?', 'any', async (call) => json(call, await describeAny(call))),
  route('/headers', 'any', (call) => json(call, { headers: shownHeaders(call.request.headers) })),
  route('/ip', get, (call) => json(call, { origin: origin(call) })),
  route('/user-agent', get, (call) =>
    json(call, { 'user-agent': call.request.headers['user-agent'] ?? null }),
  ),
  route('/hostname', get, (call) => json(call, { hostname: hostname() })),
  route('/uuid', get, (call) => json(call, { uuid: randomUUID() })),
  route('/status/{codes}', 'any', status),
  route('/delay/{seconds}', 'any', async (call, [seconds]) => {
    const described = await describeAny(call);
    await wait(number(seconds, 10) * 1000);
    json(call, described);
  }),
  route('/redirect/{n}', get, redirects('relative-redirect', false)),
  route('/relative-redirect/{n}', get, redirects('relative-redirect', false)),
  route('/absolute-redirect/{n}', get, redirects('absolute-redirect', true)),
  route('/redirect-to', 'any', redirectTo),
  route('/cookies', get, (call) => json(call, { cookies: cookiesOf(call) })),
  route('/cookies/set', get, (call) => setCookies(call, Object.fromEntries(call.url.searchParams))),
  route('/cookies/set/{name}/{value}', get, (call, [name = '', value = '']) =>
    setCookies(call, { [name]: value }),
  ),
  route('/cookies/delete', get, (call) =>
    setCookies(
      call,
      Object.fromEntries([...call.url.searchParams.keys()].map((name) => [name, ''])),
      '; Max-Age=0',
    ),
  ),
  route('/basic-auth/{user}/{password}', get, basicAuth(false)),
  route('/hidden-basic-auth/{user}/{password}', get, basicAuth(true)),
  route('/bearer', get, bearer),
  route(
    '/gzip',
    get,
    compressed('gzipped', 'gzip', (input) => gzipSync(input)),
  ),
  route(
    '/deflate',
    get,
    compressed('deflated', 'deflate', (input) => deflateSync(input)),
  ),
  route(
    '/brotli',
    get,
    compressed('brotli', 'br', (input) => brotliCompressSync(input)),
  ),
  route('/bytes/{n}', get, (call, [n]) => bytes(call, Math.trunc(number(n, 100 * 1024)))),
  route('/stream-bytes/{n}', get, (call, [n]) => {
    call.response.writeHead(200, { 'content-type': 'application/octet-stream' });
    call.response.end(randomBytes(Math.trunc(number(n, 100 * 1024))));
  }),
  route('/stream/{n}', get, (call, [n]) => stream(call, Math.trunc(number(n, 100)))),
  route('/range/{n}', get, (call, [n]) => range(call, Math.trunc(number(n, 100 * 1024)))),
  route('/drip', get, drip),
  route('/base64/{value}', get, (call, [value = '']) =>
    sendText(call.response, 200, Buffer.from(value, 'base64').toString('utf8')),
  ),
  route('/cache', get, cache),
  route('/cache/{n}', get, (call, [n]) => {
    call.response.setHeader('cache-control', `public, max-age=${Math.trunc(number(n, 86_400))}`);
    json(call, describeGet(call));
  }),
  route('/etag/{tag}', get, etag),
  route('/response-headers', ['GET', 'HEAD', 'POST'], responseHeaders),
  route('/html', get, document('html')),
  route('/json', get, document('json')),
  route('/xml', get, document('xml')),
  route('/robots.txt', get, document('robots')),
  route('/deny', get, document('deny')),
  route('/encoding/utf8', get, document('utf8')),
  route('/image', get, document('svg')),
  route('/image/svg', get, document('svg')),
  route('/forms/post', get, document('form')),
];
