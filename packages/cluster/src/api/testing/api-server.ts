import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@lateen/core';
import { resources, type KubeClient, type KubeObject } from '@lateen/kube';
import { createApiServer, type ApiServer } from '../index.ts';

/** An answer of the API over HTTPS. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Decoded where it is JSON. */
  readonly body: KubeObject;
  readonly text: string;
}

/** A server on a data directory of its own, with what tests ask of it. */
export interface TestServer {
  readonly server: ApiServer;
  readonly client: KubeClient;
  readonly folder: string;
  readonly port: number;
  /** What proves to the server that a connection is the administrator's. */
  readonly administrator: { readonly cert: Buffer; readonly key: Buffer };
  /** A call as the administrator, or with the headers given and without a certificate. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<HttpAnswer>;
  anonymous(method: string, path: string, headers?: Record<string, string>): Promise<HttpAnswer>;
  /** A call with headers alone to say who makes it. */
  as(headers: Record<string, string>, method: string, path: string, body: unknown): Promise<HttpAnswer>;
  /** Stops the server and starts another on the same data. */
  restart(): Promise<TestServer>;
  close(): Promise<void>;
}

/** Starts a server that has the default service account, so that pods can be made. */
export async function startTestServer(
  folder = mkdtempSync(join(tmpdir(), 'lateen-api-')),
): Promise<TestServer> {
  const server = await createApiServer({ dataDir: folder, clock: systemClock, logger: silentLogger });
  const port = await server.listen('127.0.0.1', 0);
  const client = server.client();
  const account = { name: 'default', namespace: 'default' };
  await client
    .create(resources.serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: account })
    .catch(() => {});
  const kubeconfig = server.kubeconfig(`https://127.0.0.1:${port}`);
  const secret = (name: string): Buffer =>
    Buffer.from(new RegExp(`${name}: (\\S+)`).exec(kubeconfig)?.[1] ?? '', 'base64');
  const admin = { cert: secret('client-certificate-data'), key: secret('client-key-data') };
  const send = (
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string>,
    credentials: { cert?: Buffer; key?: Buffer },
  ): Promise<HttpAnswer> =>
    new Promise((resolve, reject) => {
      const options = {
        method,
        host: '127.0.0.1',
        port,
        path,
        ca: server.caCertificate,
        agent: false,
        ...credentials,
      };
      // Node sends bodies of DELETE only with their length.
      const payload = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
      const length = payload === undefined ? {} : { 'content-length': String(Buffer.byteLength(payload)) };
      const outgoing = request(
        { ...options, headers: { ...length, 'content-type': 'application/json', ...headers } },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (text += chunk));
          response.on('end', () => {
            const isJson = (response.headers['content-type'] ?? '').includes('json');
            const decoded = (isJson ? JSON.parse(text) : {}) as KubeObject;
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: decoded, text });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  const close = async (): Promise<void> => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    server,
    client,
    folder,
    port,
    administrator: admin,
    call: (method, path, body, headers = {}) => send(method, path, body, headers, admin),
    anonymous: (method, path, headers = {}) => send(method, path, undefined, headers, {}),
    as: (headers, method, path, body) => send(method, path, body, headers, {}),
    async restart() {
      await server.close();
      return startTestServer(folder);
    },
    close,
  };
}
