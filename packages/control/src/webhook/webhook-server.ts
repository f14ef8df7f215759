import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatProblem, messageOf, type Clock, type Logger } from '@lateen/core';
import type { ServingCertificate } from '../ca/serving-certificate.ts';
import {
  decodeReview,
  encodeReview,
  type AdmissionAnswer,
  type AdmissionRequest,
} from './admission-review.ts';
import { readBody } from './read-body.ts';
import { reviewConfig, type WarningsFor } from './review-config.ts';
import { reviewPod, type InjectionSettings } from './review-pod.ts';

export interface WebhookServerOptions {
  readonly certificate: ServingCertificate;
  readonly injection: () => InjectionSettings;
  readonly warningsFor: WarningsFor;
  readonly isReady: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The HTTPS server that API servers ask about pods and configuration. */
export interface WebhookServer {
  /** Resolves with the port. */
  listen(at: { readonly port: number; readonly host?: string }): Promise<number>;
  close(): Promise<void>;
}

type Review = (request: AdmissionRequest) => AdmissionAnswer | Promise<AdmissionAnswer>;

/** API servers send objects of at most about 3 MiB, the old and the new one. */
const maxBodyBytes = 8 * 1024 * 1024;

/** Serves `/inject`, `/validate` and `/ready` with the control plane's certificate. */
export function webhookServer(options: WebhookServerOptions): WebhookServer {
  const { certificate, logger } = options;
  const review = (path: string): Review | undefined => {
    // Istio's paths carry further words, as in /inject/cluster/A/net/B.
    if (path === '/inject' || path.startsWith('/inject/')) return (r) => reviewPod(r, options.injection());
    if (path === '/validate' || path.startsWith('/validate/')) {
      return (r) => reviewConfig(r, options.warningsFor, options.clock);
    }
    return undefined;
  };
  const server = createServer(
    {
      ...secureContext(certificate),
      minVersion: 'TLSv1.2',
      requestTimeout: 15_000,
      headersTimeout: 5_000,
      keepAliveTimeout: 90_000,
    },
    (request, response) => {
      answer(request, response, review, options).catch((error: unknown) => {
        logger.error('a review failed', { path: request.url, error: messageOf(error) });
        if (!response.headersSent) send(response, 500, 'text/plain', 'internal error\n');
      });
    },
  );
  server.on('tlsClientError', (error) => logger.debug('a TLS handshake failed', { error: error.message }));
  const unsubscribe = certificate.subscribe(() => server.setSecureContext(secureContext(certificate)));
  return {
    listen: (at) => listen(server, at),
    close: () =>
      new Promise((resolve) => {
        unsubscribe();
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

function secureContext(certificate: ServingCertificate): { cert: string; key: string } {
  return { cert: certificate.current.certificateChain, key: certificate.current.privateKey };
}

function listen(server: Server, { port, host }: { port: number; host?: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  review: (path: string) => Review | undefined,
  options: WebhookServerOptions,
): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  if (path === '/ready' || path === '/httpsReady') {
    send(response, options.isReady() ? 200 : 503, 'text/plain', '');
    return;
  }
  const handle = review(path);
  if (handle === undefined) {
    send(response, 404, 'text/plain', 'only /inject and /validate are served\n');
    return;
  }
  if (request.method !== 'POST') {
    send(response, 405, 'text/plain', 'only POST is supported\n');
    return;
  }
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    send(response, 415, 'text/plain', 'only application/json is supported\n');
    return;
  }
  const body = await readBody(request, maxBodyBytes);
  if (body === undefined) {
    send(response, 413, 'text/plain', `at most ${maxBodyBytes} bytes are accepted\n`);
    return;
  }
  const decoded = decodeReview(body.json);
  if (!decoded.ok) {
    send(response, 400, 'text/plain', `${decoded.problems.map(formatProblem).join('\n')}\n`);
    return;
  }
  const result = await handle(decoded.value);
  report(path, decoded.value, result, options.logger);
  send(response, 200, 'application/json', JSON.stringify(encodeReview(decoded.value, result)));
}

function report(path: string, request: AdmissionRequest, result: AdmissionAnswer, logger: Logger): void {
  const about = { path, namespace: request.namespace, name: request.name };
  if (result.allowed) logger.debug('allowed', { ...about, patched: (result.patch ?? []).length > 0 });
  else logger.info('refused', { ...about, problems: result.problems.map(formatProblem).join('; ') });
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
