import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { ok, problem, problems, type Problem, type Result } from '@lateen/core';

/** A probe of the application, as the pod's specification had it before injection. */
export interface AppProbe {
  readonly check:
    | {
        readonly kind: 'http';
        readonly path: string;
        readonly port: number;
        readonly secure: boolean;
        readonly host: string;
        readonly headers: Readonly<Record<string, string>>;
      }
    | { readonly kind: 'tcp'; readonly port: number; readonly host: string };
  readonly timeoutMs: number;
}

export interface ProbeOutcome {
  readonly status: number;
  readonly body: string;
}

/** Reads `{"/app-health/NAME/readyz": {"httpGet": {…}, "timeoutSeconds": 1}, …}`. */
export function parseAppProbers(text: string): Result<ReadonlyMap<string, AppProbe>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return problem('$ISTIO_KUBE_APP_PROBERS', 'is not JSON');
  }
  const probes = new Map<string, AppProbe>();
  const wrong: Problem[] = [];
  for (const [path, value] of Object.entries(fieldsOf(json))) {
    const fields = fieldsOf(value);
    const check = checkOf(fields);
    if (typeof check === 'string') wrong.push({ path, message: check });
    else probes.set(path, { check, timeoutMs: numberOf(fields['timeoutSeconds'], 1) * 1_000 });
  }
  return wrong.length > 0 ? problems(wrong) : ok(probes);
}

function checkOf(fields: Readonly<Record<string, unknown>>): AppProbe['check'] | string {
  const http = fields['httpGet'];
  if (http !== undefined) {
    const get = fieldsOf(http);
    const port = numberOf(get['port'], 0);
    if (port === 0) return 'httpGet.port must be a number';
    const headers: Record<string, string> = {};
    for (const header of Array.isArray(get['httpHeaders']) ? (get['httpHeaders'] as unknown[]) : []) {
      const { name, value } = fieldsOf(header);
      if (typeof name === 'string' && typeof value === 'string') headers[name.toLowerCase()] = value;
    }
    return {
      kind: 'http',
      path: textOf(get['path'], '/'),
      port,
      secure: textOf(get['scheme'], 'HTTP').toUpperCase() === 'HTTPS',
      host: textOf(get['host'], 'localhost'),
      headers,
    };
  }
  const socket = fields['tcpSocket'] ?? fields['grpc'];
  if (socket === undefined) return 'must have httpGet, tcpSocket or grpc';
  const port = numberOf(fieldsOf(socket)['port'], 0);
  if (port === 0) return 'tcpSocket.port must be a number';
  // A gRPC probe is reduced to whether the server accepts.
  return { kind: 'tcp', port, host: textOf(fieldsOf(socket)['host'], 'localhost') };
}

/** What is read of a body, so that the application can finish short ones. */
const maxBodyBytes = 10 * 1024;

/** Asks the application; what it answers is what the kubelet sees. */
export function probeApp(probe: AppProbe, incoming: IncomingHttpHeaders): Promise<ProbeOutcome> {
  return probe.check.kind === 'http' ? probeHttp(probe, probe.check, incoming) : probeTcp(probe, probe.check);
}

function probeHttp(
  probe: AppProbe,
  check: AppProbe['check'] & { readonly kind: 'http' },
  incoming: IncomingHttpHeaders,
): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const request = (check.secure ? httpsRequest : httpRequest)({
      host: '127.0.0.1',
      port: check.port,
      path: check.path,
      timeout: probe.timeoutMs,
      // An application's probe certificate is its own affair: the kubelet does not verify it either.
      rejectUnauthorized: false,
      headers: {
        'user-agent': incoming['user-agent'] ?? 'kube-probe/1.32',
        host: check.headers['host'] ?? `${check.host}:${check.port}`,
        ...check.headers,
        connection: 'close',
      },
    });
    request.on('response', (response) => {
      resolve({ status: response.statusCode ?? 500, body: '' });
      // As the kubelet, which reads no more of a body: one without end would keep its connection.
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBodyBytes) request.destroy();
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${probe.timeoutMs} ms`)));
    request.on('error', (error) => resolve({ status: 500, body: `${error.message}\n` }));
    request.end();
  });
}

function probeTcp(
  probe: AppProbe,
  check: AppProbe['check'] & { readonly kind: 'tcp' },
): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: check.port, timeout: probe.timeoutMs });
    const finish = (status: number, body: string): void => {
      socket.destroy();
      resolve({ status, body });
    };
    socket.on('connect', () => finish(200, ''));
    socket.on('timeout', () => finish(500, `no connection within ${probe.timeoutMs} ms\n`));
    socket.on('error', (error) => finish(500, `${error.message}\n`));
  });
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function textOf(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}

function numberOf(value: unknown, fallback: number): number {
  const number = Number(value);
  return Number.isFinite(number) && number > 0 ? number : fallback;
}
