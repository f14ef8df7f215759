import { request } from 'node:http';
import { connect } from 'node:http2';

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
  host = '127.0.0.1',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path, headers, agent: false }, (response) => {
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

/** The same over HTTP/2 without TLS. */
export function fetchOverHttp2(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    const { Host: authority, ...others } = headers;
    const stream = session.request({ ':path': path, ':authority': authority, ...others });
    let status = 0;
    let bodyBytes = 0;
    stream.on('response', (head) => (status = Number(head[':status'])));
    stream.on('data', (chunk: Buffer) => (bodyBytes += chunk.length));
    stream.on('error', reject);
    stream.on('end', () => {
      session.close();
      resolve({ status, bodyBytes });
    });
    stream.end();
  });
}
