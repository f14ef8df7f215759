import { request } from 'node:http';
import { LateenError, formatProblem, messageOf, sleep } from '@lateen/core';
import { parseOptions, wholeNumber, type OptionSpec, type ParsedOptions } from '../command-line/options.ts';

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

const requestSpecs: readonly OptionSpec[] = [
  { name: 'debug-port', value: 'PORT', help: 'Port to ask (default 15000, the admin port).' },
];

/** `pilot-agent request GET /stats`: the admin port's answer on standard output. */
export async function runRequest(args: readonly string[], write: (text: string) => void): Promise<number> {
  const options = optionsOf(args, requestSpecs);
  const [method, path, ...more] = options.words;
  if (method === undefined || path === undefined || more.length > 0) {
    throw new LateenError('EUSAGE', 'request needs a method and a path', {
      hint: 'pilot-agent request GET /help',
    });
  }
  const port = numberOf(options, 'debug-port', 15_000);
  const answer = await localRequest(port, method.toUpperCase(), path.startsWith('/') ? path : `/${path}`);
  write(answer.body);
  return answer.status < 400 ? 0 : 1;
}

const waitSpecs: readonly OptionSpec[] = [
  { name: 'timeoutSeconds', value: 'N', help: 'How long to wait (default 60).' },
  { name: 'periodMillis', value: 'N', help: 'How long between questions (default 100).' },
  { name: 'requestTimeoutMillis', value: 'N', help: '', hidden: true },
  { name: 'url', value: 'URL', help: '', hidden: true },
];

/** `pilot-agent wait`: ends when the proxy is ready, with an error when it is not in time. */
export async function runWait(args: readonly string[]): Promise<number> {
  const options = optionsOf(args, waitSpecs);
  const limitMs = performance.now() + numberOf(options, 'timeoutSeconds', 60) * 1_000;
  const periodMs = numberOf(options, 'periodMillis', 100);
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

function optionsOf(args: readonly string[], specs: readonly OptionSpec[]): ParsedOptions {
  const parsed = parseOptions(args, specs);
  if (parsed.ok) return parsed.value;
  throw new LateenError('EUSAGE', parsed.problems.map(formatProblem).join('; '));
}

function numberOf(options: ParsedOptions, name: string, fallback: number): number {
  const text = options.value(name);
  if (text === undefined) return fallback;
  const value = wholeNumber(`--${name}`, text, 1, 1_000_000);
  if (value.ok) return value.value;
  throw new LateenError('EUSAGE', value.problems.map(formatProblem).join('; '));
}
