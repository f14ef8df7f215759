// A load client with fortio's flags and report, and the small echo server that goes with it.
import { writeFileSync } from 'node:fs';
import { sendJson, sendText, serve } from '../serve/serve.ts';
import { parseDuration, parseFlags, type Flags } from './flags.ts';
import { runLoad, type LoadOptions } from './load.ts';
import { resultJson, summarize } from './summary.ts';

const usage = `fortio: load client and echo server

  fortio load [flags] URL     calls URL over and over and reports how it went
    -c N           connections (default 4)
    -qps N         calls a second in all; 0 is as fast as possible (default 8)
    -n N           how many calls; without it, -t says how long
    -t DURATION    how long (default 5s)
    -curl          one call, and its answer
    -H "Name: v"   a header; may come more than once
    -X METHOD      method (default GET, POST with -payload)
    -payload TEXT  body
    -timeout D     longest wait for an answer (default 3s)
    -keepalive=B   keep connections (default true)
    -p LIST        percentiles (default 50,75,90,99,99.9)
    -json FILE     write the result as JSON; - is standard output
    -quiet, -loglevel LEVEL
  fortio curl URL             the same as load -curl
  fortio server [-http-port N]  echoes at /echo?status=CODE&delay=D (default port 8080)
  fortio version

Example: fortio load -c 2 -qps 0 -n 20 http://httpbin:8000/get
`;

const loadFlags = {
  c: 'value',
  qps: 'value',
  n: 'value',
  t: 'value',
  curl: 'switch',
  H: 'value',
  X: 'value',
  payload: 'value',
  timeout: 'value',
  keepalive: 'switch',
  p: 'value',
  json: 'value',
  quiet: 'switch',
  loglevel: 'value',
  a: 'switch',
  'allow-initial-errors': 'switch',
  labels: 'value',
} as const;

function numberFlag(flags: Flags, name: string, standard: number, least: number): number {
  const text = flags.value(name);
  const value = text === undefined ? standard : Number(text);
  if (!Number.isFinite(value) || value < least)
    throw new Error(`-${name} must be a number from ${least}, not "${text}"`);
  return value;
}

function loadOptions(flags: Flags): LoadOptions {
  const [target, ...more] = flags.rest;
  if (target === undefined || more.length > 0) throw new Error('give one URL after the flags');
  const url = new URL(target.includes('://') ? target : `http://${target}`);
  if (url.protocol !== 'http:') throw new Error(`only http:// is served, not ${url.protocol}//`);
  const headers: Record<string, string> = { 'user-agent': 'fortio.org/fortio-lateen' };
  for (const header of flags.all('H')) {
    const at = header.indexOf(':');
    if (at < 1) throw new Error(`-H must be "Name: value", not "${header}"`);
    headers[header.slice(0, at).trim().toLowerCase()] = header.slice(at + 1).trim();
  }
  const payload = flags.value('payload') ?? '';
  const calls = numberFlag(flags, 'n', 0, 0);
  return {
    url,
    connections: Math.trunc(numberFlag(flags, 'c', 4, 1)),
    qps: Math.max(0, numberFlag(flags, 'qps', 8, -1)),
    calls: flags.value('n') === undefined || calls === 0 ? undefined : Math.trunc(calls),
    durationMs: parseDuration(flags.value('t') ?? '5s'),
    timeoutMs: parseDuration(flags.value('timeout') ?? '3s'),
    method: flags.value('X') ?? (payload === '' ? 'GET' : 'POST'),
    headers,
    payload,
    keepAlive: flags.on('keepalive', true),
  };
}

async function curl(options: LoadOptions): Promise<number> {
  const init: RequestInit = { method: options.method, headers: options.headers, redirect: 'manual' };
  const response = await fetch(options.url, {
    ...init,
    ...(options.payload === '' ? {} : { body: options.payload }),
    signal: AbortSignal.timeout(options.timeoutMs),
  });
  process.stdout.write(`HTTP/1.1 ${response.status} ${response.statusText}\r\n`);
  for (const [name, value] of response.headers) process.stdout.write(`${name}: ${value}\r\n`);
  process.stdout.write(`\r\n${await response.text()}`);
  return response.status === 200 ? 0 : 1;
}

function describe(options: LoadOptions): string {
  const rate = options.qps === 0 ? 'max' : String(options.qps);
  const size =
    options.calls === undefined ? `for ${options.durationMs / 1000}s` : `for exactly ${options.calls} calls`;
  return `Fortio running at ${options.qps} queries per second: ${options.url.href}
Starting at ${rate} qps with ${options.connections} thread(s) ${size}\n`;
}

async function load(words: readonly string[]): Promise<number> {
  const flags = parseFlags(words, loadFlags);
  const options = loadOptions(flags);
  if (flags.on('curl', false)) return curl(options);
  const percents = (flags.value('p') ?? '50,75,90,99,99.9').split(',').map(Number);
  const quiet = flags.on('quiet', false) || flags.value('json') === '-';
  if (!quiet) process.stdout.write(describe(options));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const result = await runLoad(options, stop.signal);
  const file = flags.value('json');
  const text = `${JSON.stringify(resultJson(options, result, percents), undefined, 2)}\n`;
  if (file === '-') process.stdout.write(text);
  else if (file !== undefined) writeFileSync(file, text);
  for (const error of result.errors) process.stderr.write(`no answer: ${error}\n`);
  if (!quiet) process.stdout.write(summarize(options, result, percents));
  return result.outcomes.some((outcome) => outcome.code > 0) ? 0 : 1;
}

function server(words: readonly string[]): void {
  const flags = parseFlags(words, {
    'http-port': 'value',
    'grpc-port': 'value',
    'redirect-port': 'value',
    loglevel: 'value',
  });
  serve('fortio', Number(flags.value('http-port') ?? 8080), async ({ request, response, url, body }) => {
    const delay = url.searchParams.get('delay');
    if (delay !== null)
      await new Promise((resolve) => setTimeout(resolve, Math.min(30_000, parseDuration(delay))));
    if (url.pathname.startsWith('/debug'))
      return sendJson(response, 200, { method: request.method, url: request.url, headers: request.headers });
    const status = Number(url.searchParams.get('status') ?? 200);
    return sendText(response, status >= 200 && status <= 599 ? status : 400, (await body()).toString('utf8'));
  });
}

async function main([command = 'help', ...words]: readonly string[]): Promise<number | undefined> {
  switch (command) {
    case 'load':
      return load(words);
    case 'curl':
      return load(['-curl', ...words]);
    case 'server':
      server(words);
      return undefined;
    case 'version':
      process.stdout.write('1.66.0 lateen\n');
      return 0;
    case 'help':
    case '-h':
    case '--help':
      process.stdout.write(usage);
      return 0;
    default:
      throw new Error(`there is no command "${command}"`);
  }
}

try {
  const code = await main(process.argv.slice(2));
  if (code !== undefined) process.exitCode = code;
} catch (error) {
  process.stderr.write(
    `fortio: ${error instanceof Error ? error.message : String(error)}\nTry: fortio help\n`,
  );
  process.exitCode = 2;
}
