import { Agent, request } from 'node:http';

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** The answer of another service. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Calls another service with GET over a kept connection; rejects when it has not answered in time. */
export function callService(
  url: string,
  headers: Record<string, string>,
  timeoutMs: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, headers, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** `name.domain`, where a domain is given. */
export function serviceHost(name: string, standard: string): string {
  const host = process.env[`${name}_HOSTNAME`] ?? standard;
  const domain = process.env['SERVICES_DOMAIN'];
  return domain === undefined || domain === '' ? host : `${host}.${domain}`;
}
