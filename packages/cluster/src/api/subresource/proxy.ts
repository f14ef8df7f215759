import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { BlockList, isIP } from 'node:net';
import { messageOf, type Clock } from '@lateen/core';
import type { Endpoints, KubeObject, Pod, Service } from '@lateen/kube';
import type { ApiRequest, ApiResponse, ResponseSink } from '../http/api-request.ts';
import type { ResourceCall } from '../http/resource-handler.ts';
import { badRequest, failure } from '../status.ts';

/** What the proxy needs of the server. */
export interface ProxyParts {
  /** Rejects with `NotFound` where there is no such object. */
  readonly get: (plural: string, namespace: string, name: string) => Promise<KubeObject>;
  readonly clock: Clock;
}

/** `[scheme:]NAME[:port]`, as the last word before `/proxy` says it. */
export interface ProxyName {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  /** A number or a port's name; empty where the path names none. */
  readonly port: string;
}

interface Target {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
}

const connectMs = 30_000;

/** Headers that belong to one connection (RFC 9110, section 7.6.1), and the caller's own credentials. */
const notForwarded: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'authorization',
  'host',
]);

/** Addresses of the server's own machine: whoever may write a pod's status must not reach them. */
const forbiddenAddresses = new BlockList();
forbiddenAddresses.addSubnet('127.0.0.0', 8);
forbiddenAddresses.addSubnet('169.254.0.0', 16);
forbiddenAddresses.addSubnet('0.0.0.0', 8);
forbiddenAddresses.addAddress('::1', 'ipv6');
forbiddenAddresses.addSubnet('fe80::', 10, 'ipv6');

/** `/proxy` of pods and services: passes a request on to a port of one, and its answer back. */
export async function handleProxy(call: ResourceCall, parts: ProxyParts): Promise<ApiResponse> {
  const { request, path } = call;
  const below = proxiedPath(request.path);
  if (below === '') {
    // So that the links of the page that answers lead below it.
    const search = request.query.size === 0 ? '' : `?${request.query.toString()}`;
    return { kind: 'whole', status: 301, headers: { location: `${request.path}/${search}` }, body: '' };
  }
  const name = parseProxyName(path.name);
  const target =
    path.served.type.plural === 'pods'
      ? podTarget((await parts.get('pods', path.namespace, name.name)) as Pod, name)
      : await serviceTarget(path.namespace, name, parts);
  const address = isIP(target.host) === 6 ? 'ipv6' : 'ipv4';
  if (isIP(target.host) === 0 || forbiddenAddresses.check(target.host, address)) {
    throw badRequest(`address ${target.host} is not allowed`);
  }
  const body = await request.body();
  const search = request.query.size === 0 ? '' : `?${request.query.toString()}`;
  const answer = await send(target, `${below}${search}`, request, body, parts.clock);
  const prefix = request.path.slice(0, request.path.length - below.length);
  return {
    kind: 'stream',
    status: answer.statusCode ?? 502,
    headers: answerHeaders(answer, target, prefix),
    run: (sink) => passOn(answer, sink),
  };
}

/** What follows `/proxy` in the path of a request, as it was written; empty where nothing does. */
function proxiedPath(path: string): string {
  // /api/v1/namespaces/NS/PLURAL/NAME/proxy
  const below = path.split('/').slice(8);
  return below.length === 0 ? '' : `/${below.join('/')}`;
}

/** Takes `[scheme:]NAME[:port]` apart. */
export function parseProxyName(text: string): ProxyName {
  const parts = text.split(':');
  const [first = '', second = '', third = ''] = parts;
  if (parts.length === 1) return { scheme: 'http', name: first, port: '' };
  if (parts.length === 2) return { scheme: 'http', name: first, port: second };
  const scheme = first === '' ? 'http' : first;
  if (parts.length > 3 || (scheme !== 'http' && scheme !== 'https')) {
    throw badRequest(`invalid proxy request ${JSON.stringify(text)}: it must be [http:|https:]NAME[:PORT]`);
  }
  return { scheme, name: second, port: third };
}

function podTarget(pod: Pod, { scheme, name, port }: ProxyName): Target {
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  const number =
    port === ''
      ? (ports[0]?.containerPort ?? 80)
      : (ports.find((one) => one.name === port)?.containerPort ?? Number(port));
  if (!isPort(number)) throw badRequest(`pod ${JSON.stringify(name)} has no port ${JSON.stringify(port)}`);
  const host = pod.status?.podIP;
  if (host === undefined || host === '') {
    throw failure(503, 'ServiceUnavailable', `pod ${JSON.stringify(name)} has no address yet`);
  }
  return { scheme, host, port: number };
}

async function serviceTarget(
  namespace: string,
  { scheme, name, port }: ProxyName,
  parts: ProxyParts,
): Promise<Target> {
  const service = (await parts.get('services', namespace, name)) as Service;
  const ports = service.spec.ports ?? [];
  const wanted =
    port === '' && ports.length === 1
      ? ports[0]
      : ports.find((one) => (one.name ?? '') === port || String(one.port) === port);
  const none = failure(
    503,
    'ServiceUnavailable',
    `no endpoints available for service ${JSON.stringify(name)}`,
  );
  if (wanted === undefined) {
    throw failure(
      503,
      'ServiceUnavailable',
      `no service port ${JSON.stringify(port)} found for service ${JSON.stringify(name)}`,
    );
  }
  const endpoints = (await parts.get('endpoints', namespace, name).catch(() => undefined)) as
    | Endpoints
    | undefined;
  const candidates = (endpoints?.subsets ?? []).flatMap((subset) => {
    const number = subset.ports?.find((one) => (one.name ?? '') === (wanted.name ?? ''))?.port;
    return number === undefined
      ? []
      : (subset.addresses ?? []).map(({ ip }) => ({ scheme, host: ip, port: number }));
  });
  const chosen = candidates[Math.floor(Math.random() * candidates.length)];
  if (chosen === undefined) throw none;
  return chosen;
}

function isPort(number: number): boolean {
  return Number.isInteger(number) && number > 0 && number < 65_536;
}

function send(
  target: Target,
  path: string,
  request: ApiRequest,
  body: Buffer,
  clock: Clock,
): Promise<IncomingMessage> {
  const headers: OutgoingHttpHeaders = {};
  const named = connectionHeaders(request.headers['connection']);
  for (const [name, value] of Object.entries(request.headers)) {
    if (!notForwarded.has(name) && !named.has(name) && !name.startsWith('x-remote-')) headers[name] = value;
  }
  headers['host'] = request.headers.host ?? `${target.host}:${target.port}`;
  headers['x-forwarded-uri'] = request.path;
  headers['x-forwarded-host'] = request.headers.host ?? '';
  headers['x-forwarded-proto'] = 'https';
  delete headers['content-length'];
  if (body.length > 0) headers['content-length'] = body.length;
  return new Promise((resolve, reject) => {
    const { host, port, scheme } = target;
    const options = { host, port, path, method: request.method, headers, agent: false };
    // As in Kubernetes: who answers in a pod is not proved by a certificate.
    const outgoing =
      scheme === 'https' ? https.request({ ...options, rejectUnauthorized: false }) : http.request(options);
    const timer = clock.after(connectMs, () => outgoing.destroy(new Error('connection timed out')));
    outgoing.once('socket', (socket) => socket.once('connect', () => timer.cancel()));
    outgoing.once('response', (answer) => {
      timer.cancel();
      resolve(answer);
    });
    outgoing.on('error', (error) => {
      timer.cancel();
      const what = `error trying to reach service: ${messageOf(error)}`;
      reject(failure(503, 'ServiceUnavailable', what));
    });
    outgoing.end(body);
  });
}

function connectionHeaders(value: string | undefined): Set<string> {
  return new Set((value ?? '').split(',').map((name) => name.trim().toLowerCase()));
}

function answerHeaders(
  answer: IncomingMessage,
  target: Target,
  prefix: string,
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  const named = connectionHeaders(answer.headers.connection);
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined && !notForwarded.has(name) && !named.has(name)) headers[name] = value;
  }
  const { location } = answer.headers;
  // A redirect within the target stays below the proxy's path.
  if (location?.startsWith('/') && !location.startsWith('//')) headers['location'] = prefix + location;
  const own = `${target.scheme}://${target.host}:${target.port}/`;
  if (location?.startsWith(own)) headers['location'] = `${prefix}/${location.slice(own.length)}`;
  return headers;
}

async function passOn(answer: IncomingMessage, sink: ResponseSink): Promise<void> {
  const abort = (): void => void answer.destroy();
  sink.signal.addEventListener('abort', abort, { once: true });
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (!sink.write(chunk)) await sink.drained();
    }
    sink.end();
  } catch (error) {
    if (!sink.signal.aborted) throw error;
  } finally {
    sink.signal.removeEventListener('abort', abort);
  }
}
