import { get } from 'node:http';
import type { StatsView } from '../telemetry/stats-view.ts';

/** Where an application shows its metrics, from the pod's `prometheus.io/*` annotations. */
interface ScrapeTarget {
  readonly port: number;
  readonly path: string;
}

/** The proxy's metrics with those of the application behind them, so that one scrape finds both. */
export function mergedMetrics(
  stats: () => Promise<StatsView>,
  annotations: string | undefined,
): () => Promise<string> {
  const target = annotations === undefined ? undefined : parseTarget(annotations);
  if (target === undefined) return async () => (await stats()).prometheus();
  return async () => (await stats()).prometheus() + (await scrape(target));
}

/** Reads `{"scrape":"true","path":"/metrics","port":"9090"}`. */
function parseTarget(text: string): ScrapeTarget | undefined {
  try {
    const { scrape: enabled, path, port } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (String(enabled) !== 'true') return undefined;
    const number = Number(port ?? 80);
    if (!(Number.isInteger(number) && number > 0 && number < 65_536)) return undefined;
    return { port: number, path: typeof path === 'string' && path !== '' ? encodeURI(path) : '/metrics' };
  } catch {
    return undefined;
  }
}

/** An application that does not answer leaves its part empty: the proxy's metrics are not lost with it. */
function scrape(target: ScrapeTarget): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', ...target, timeout: 5_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(response.statusCode === 200 ? Buffer.concat(chunks).toString() : ''));
      response.on('error', () => resolve(''));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(''));
  });
}
