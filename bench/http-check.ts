import { request } from 'node:http';

/** An answer, as far as a check needs it. */
export interface Answer {
  readonly status: number;
  readonly bodyBytes: number;
}

/** Sends one request over a connection of its own. */
export function fetchOnce(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      let bodyBytes = 0;
      response.on('data', (chunk: Buffer) => {
        bodyBytes += chunk.length;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bodyBytes }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}
