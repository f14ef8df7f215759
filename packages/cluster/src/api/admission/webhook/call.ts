import { Agent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Clock } from '@lateen/core';
import type { ServiceReference, Webhook } from './registration.ts';

/** Finds where a Service answers; rejects with an Error where it does not. */
export type FindService = (
  reference: ServiceReference,
) => Promise<{ readonly host: string; readonly port: number }>;

const maxAnswerBytes = 4 * 1024 * 1024;
const defaultTimeoutSeconds = 10;

interface Target {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Name in the certificate. */
  readonly serverName: string;
  /** As error messages show it. */
  readonly url: string;
}

/** Calls webhooks over TLS with kept connections; whose certificate is not the CA bundle's is not talked to. */
export class WebhookCaller {
  readonly #findService: FindService;
  readonly #clock: Clock;
  readonly #agents = new Map<string, Agent>();

  constructor(findService: FindService, clock: Clock) {
    this.#findService = findService;
    this.#clock = clock;
  }

  /** The answer's text; rejects with an Error in the words of Kubernetes. */
  async call(webhook: Webhook, body: string): Promise<string> {
    const seconds = webhook.timeoutSeconds ?? defaultTimeoutSeconds;
    const target = await this.#target(webhook, seconds);
    const agent = this.#agent(target.serverName, webhook.clientConfig.caBundle);
    return new Promise<string>((resolve, reject) => {
      const fail = (why: string): void => {
        timer.cancel();
        reject(new Error(`failed to call webhook: Post ${JSON.stringify(target.url)}: ${why}`));
      };
      const outgoing = httpsRequest(
        {
          agent,
          method: 'POST',
          host: target.host,
          port: target.port,
          path: target.path,
          headers: {
            host: target.serverName,
            'content-type': 'application/json',
            accept: 'application/json',
            'content-length': Buffer.byteLength(body),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > maxAnswerBytes)
              outgoing.destroy(new Error(`the answer is longer than ${maxAnswerBytes} bytes`));
            else chunks.push(chunk);
          });
          response.on('end', () => {
            timer.cancel();
            const text = Buffer.concat(chunks).toString('utf8');
            if (response.statusCode === 200) resolve(text);
            else
              reject(
                new Error(
                  `an error on the server (${JSON.stringify(text.slice(0, 200))}) has prevented the request from succeeding`,
                ),
              );
          });
          response.on('error', (error) => fail(error.message));
        },
      );
      const timer = this.#clock.after(seconds * 1000, () => {
        outgoing.destroy(new Error('context deadline exceeded'));
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => fail(shownError(error, target)));
      outgoing.end(body);
    });
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #target({ clientConfig }: Webhook, seconds: number): Promise<Target> {
    const { service, url } = clientConfig;
    if (service !== undefined) {
      const { host, port } = await this.#findService(service);
      const serverName = `${service.name}.${service.namespace}.svc`;
      const path = `${service.path ?? ''}?timeout=${seconds}s`;
      return { host, port, path, serverName, url: `https://${serverName}:${service.port ?? 443}${path}` };
    }
    const parsed = new URL(url ?? '');
    parsed.searchParams.set('timeout', `${seconds}s`);
    return {
      host: parsed.hostname,
      port: Number(parsed.port === '' ? 443 : parsed.port),
      path: parsed.pathname + parsed.search,
      serverName: parsed.hostname,
      url: parsed.href,
    };
  }

  #agent(serverName: string, caBundle: string | undefined): Agent {
    const key = `${serverName}\0${caBundle ?? ''}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    // Bundles change when a CA is made anew: what was kept for the one before is of no use.
    for (const [other, agent] of this.#agents) {
      if (!other.startsWith(`${serverName}\0`)) continue;
      agent.destroy();
      this.#agents.delete(other);
    }
    const agent = new Agent({
      keepAlive: true,
      maxSockets: 32,
      // An address is no server name; the certificate is then checked for the address.
      ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
      ...(caBundle === undefined || caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }),
    });
    this.#agents.set(key, agent);
    return agent;
  }
}

function shownError(error: NodeJS.ErrnoException, target: Target): string {
  const address = `${target.host}:${target.port}`;
  switch (error.code) {
    case 'ECONNREFUSED':
      return `dial tcp ${address}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp ${address}: connect: no route to host`;
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
    default:
      return error.message;
  }
}
