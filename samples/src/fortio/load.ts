import { Agent, request, type ClientRequest } from 'node:http';

/** A run: so many connections, so many calls or so long, at most so fast. */
export interface LoadOptions {
  readonly url: URL;
  readonly connections: number;
  /** Calls a second over all connections; 0 is as fast as they go. */
  readonly qps: number;
  /** How many calls in all; undefined is until the time is up. */
  readonly calls: number | undefined;
  readonly durationMs: number;
  readonly timeoutMs: number;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string;
  readonly keepAlive: boolean;
}

/** One call's outcome; `code` is -1 where there was no answer. */
export interface Outcome {
  readonly code: number;
  readonly seconds: number;
  readonly headerBytes: number;
  readonly totalBytes: number;
}

export interface LoadResult {
  readonly outcomes: readonly Outcome[];
  readonly elapsedSeconds: number;
  /** How many connections were opened. */
  readonly sockets: number;
  /** The first reasons why calls had no answer. */
  readonly errors: readonly string[];
}

function headerBytes(raw: readonly string[], statusLine: number): number {
  let size = statusLine + 2;
  for (const part of raw) size += part.length + 2;
  return size;
}

/** Each connection makes as many calls as the others, the first one what is left over: one that fails fast takes none from them. */
function callsOf({ calls, connections }: LoadOptions, index: number): number {
  if (calls === undefined) return Number.POSITIVE_INFINITY;
  return Math.floor(calls / connections) + (index === 0 ? calls % connections : 0);
}

/** Runs the load; stops early, with what there is, when `signal` is aborted. */
export async function runLoad(options: LoadOptions, signal: AbortSignal): Promise<LoadResult> {
  const outcomes: Outcome[] = [];
  const errors: string[] = [];
  const sockets = new Set<unknown>();
  const started = performance.now();
  const deadline = options.calls === undefined ? started + options.durationMs : Number.POSITIVE_INFINITY;

  const call = (agent: Agent): Promise<void> =>
    new Promise((resolve) => {
      const begun = performance.now();
      const finish = (code: number, headers: number, total: number): void => {
        outcomes.push({
          code,
          seconds: (performance.now() - begun) / 1000,
          headerBytes: headers,
          totalBytes: total,
        });
        resolve();
      };
      const outgoing: ClientRequest = request(
        options.url,
        { agent, method: options.method, headers: options.headers, timeout: options.timeoutMs },
        (response) => {
          const head = headerBytes(response.rawHeaders, 13 + (response.statusMessage ?? '').length);
          let size = 0;
          response.on('data', (chunk: Buffer) => (size += chunk.length));
          response.on('end', () => finish(response.statusCode ?? -1, head, head + size));
          response.on('error', () => finish(-1, head, head + size));
        },
      );
      outgoing.on('socket', (socket) => sockets.add(socket));
      outgoing.on('timeout', () => outgoing.destroy(new Error('time-out')));
      outgoing.on('error', (error) => {
        if (errors.length < 5) errors.push(error.message);
        finish(-1, 0, 0);
      });
      outgoing.end(options.payload === '' ? undefined : options.payload);
    });

  const connection = async (index: number): Promise<void> => {
    let left = callsOf(options, index);
    const agent = new Agent({ keepAlive: options.keepAlive, maxSockets: 1 });
    const periodMs = options.qps > 0 ? (1000 * options.connections) / options.qps : 0;
    let due = started + (periodMs * index) / options.connections;
    while (left > 0 && performance.now() < deadline && !signal.aborted) {
      left--;
      await call(agent);
      due += periodMs;
      const early = due - performance.now();
      if (periodMs > 0 && early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    }
    agent.destroy();
  };

  await Promise.all(Array.from({ length: options.connections }, (_, index) => connection(index)));
  return { outcomes, elapsedSeconds: (performance.now() - started) / 1000, sockets: sockets.size, errors };
}
