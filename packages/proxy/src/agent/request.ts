import { request } from 'node:http';
import { LateenError, messageOf, sleep } from '@lateen/core';

/** Asks a port of this pod; resolves with the status and the body. */
export function localRequest(
  port: number,
  method: string,
  path: string,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      );
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', (error) =>
      reject(
        new LateenError('EPROXY', `the proxy does not answer on 127.0.0.1:${port}: ${messageOf(error)}`, {
          hint: 'run it in the container of the proxy, as kubectl exec POD -c istio-proxy -- pilot-agent request GET /help',
          cause: error,
        }),
      ),
    );
    sent.end();
  });
}

/** `pilot-agent request GET /stats`: the admin port's answer on standard output. */
export async function runRequest(args: readonly string[], write: (text: string) => void): Promise<number> {
  const [method, path, ...more] = args.filter((arg) => !arg.startsWith('--'));
  if (method === undefined || path === undefined || more.length > 0) {
    throw new LateenError('EUSAGE', 'request needs a method and a path', {
      hint: 'pilot-agent request GET /help',
    });
  }
  const answer = await localRequest(15_000, method.toUpperCase(), path.startsWith('/') ? path : `/${path}`);
  write(answer.body);
  return answer.status < 400 ? 0 : 1;
}

/** `pilot-agent wait`: ends when the proxy is ready, with an error when it is not in time. */
export async function runWait(args: readonly string[]): Promise<number> {
  const seconds = (name: string, fallback: number): number => {
    const at = args.findIndex((arg) => arg === name || arg.startsWith(`${name}=`));
    if (at < 0) return fallback;
    const value = Number(args[at]?.split('=')[1] ?? args[at + 1]);
    return Number.isFinite(value) && value > 0 ? value : fallback;
  };
  const limitMs = performance.now() + seconds('--timeoutSeconds', 60) * 1_000;
  const periodMs = seconds('--periodMillis', 100);
  let last = '';
  while (performance.now() < limitMs) {
    try {
      const answer = await localRequest(15_021, 'GET', '/healthz/ready');
      if (answer.status === 200) return 0;
      last = answer.body.trim();
    } catch (error) {
      last = messageOf(error);
    }
    await sleep(periodMs);
  }
  throw new LateenError('ETIMEDOUT', `the proxy is not ready: ${last}`);
}
