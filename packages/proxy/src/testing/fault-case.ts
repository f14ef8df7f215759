import assert from 'node:assert/strict';
import { defaultForward, defaultRoute, type Cluster, type Route } from '../model/index.ts';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import { exchangeRaw, type Closers } from './harness.ts';
import { askHttp2, http2Client } from './http2-peers.ts';
import { watchedProxy, type LoggedRequest } from './watched-proxy.ts';

/** What a client gets, and what is left of it in the log and in the counters. */
export interface Expected {
  /** 0: the response breaks off, or never begins. */
  readonly status: number;
  readonly body?: string;
  /** In the log; the status where it is not told. */
  readonly logged?: number;
  readonly flags: string;
  readonly details: string;
  readonly failure?: string;
  readonly counted?: Readonly<Record<string, number>>;
}

/** The beginning of the body of answers that stand for an endpoint's. */
export const connectError = 'upstream connect error or disconnect/reset before headers.';

/** What differs from a route for everything to the cluster `up`. */
export interface FaultOptions {
  readonly route?: Route;
  readonly manager?: Partial<HttpConnectionManager>;
}

/** Asks in one version of HTTP. */
export type Ask = (t: Closers, port: number) => Promise<{ readonly status: number; readonly body: string }>;

/** Asks for `/` of the host `a`. */
export const asks: Readonly<Record<string, Ask>> = {
  async 'HTTP/1'(_t, port) {
    const text = await exchangeRaw(port, 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    const final = text.replace(/^(?:HTTP\/1\.1 1\d\d [^]*?\r\n\r\n)*/, '');
    const [head = '', ...rest] = final.split('\r\n\r\n');
    const body = rest.join('\r\n\r\n');
    const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
    const whole = length === undefined ? body.endsWith('0\r\n\r\n') : body.length === Number(length);
    return { status: whole ? Number(head.slice(9, 12)) : 0, body };
  },
  async 'HTTP/2'(t, port) {
    const session = await http2Client(t, port);
    try {
      return await askHttp2(session, { ':path': '/', ':authority': 'a' });
    } catch {
      return { status: 0, body: '' };
    } finally {
      session.close();
    }
  },
};

export function assertLogged(log: LoggedRequest, expected: Expected): void {
  assert.deepEqual(
    { code: log.code, flags: log.flags, details: log.details, failure: log.failure },
    {
      code: expected.logged ?? expected.status,
      flags: expected.flags,
      details: expected.details,
      failure: expected.failure?.replaceAll(' ', '_') ?? null,
    },
  );
}

/** Asks once through a proxy with this cluster, and fails where anything is not as expected. */
export async function suffer(
  t: Closers,
  ask: Ask,
  up: Cluster | undefined,
  expected: Expected,
  options: FaultOptions = {},
): Promise<void> {
  const route = options.route ?? defaultRoute(defaultForward('up'));
  const proxy = await watchedProxy(t, [route], up === undefined ? [] : [up], options.manager);
  const answer = await ask(t, proxy.port);
  assert.equal(answer.status, expected.status);
  if (expected.body !== undefined) assert.equal(answer.body, expected.body);
  assertLogged(await proxy.log.next(), expected);
  await proxy.settle();
  proxy.counted(expected.counted ?? {});
  assert.equal(proxy.log.left, 0);
}
