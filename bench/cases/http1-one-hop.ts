import { fileURLToPath } from 'node:url';
import { fetchOnce } from '../http-check.ts';
import { caddy, envoy, haproxy, lateen, nginx } from '../peer.ts';
import { proxyCase } from '../proxy-case.ts';
import { answerBytes } from '../upstream.ts';

const config = (name: string): string => fileURLToPath(new URL(`http1-one-hop/${name}`, import.meta.url));

export const oneHopPath = '/reviews/7';
// wrk adds a Host of its own unless it sees this spelling.
export const oneHopHeaders = { Host: 'reviews.example', 'x-team': 'blue' };
const connections = 32;

/** One hop over HTTP/1.1 with keep-alive on both sides, one core for the contender. */
export const http1OneHop = proxyCase({
  name: 'http1-one-hop',
  summary: `HTTP/1.1, one route by host, path and header, ${connections} connections, ${answerBytes} bytes, one core`,
  lineups: [
    { peer: lateen, configs: [config('bootstrap.yaml')] },
    { peer: haproxy, configs: [config('haproxy.cfg')] },
    { peer: envoy, configs: [config('bootstrap.yaml')] },
    { peer: nginx, configs: [config('nginx.conf')] },
    { peer: caddy, configs: [config('Caddyfile')] },
  ],
  path: oneHopPath,
  headers: oneHopHeaders,
  connections,
  check: checkOneHop,
  countsRequests: true,
});

/** A contender that does not look at host, path and header would win by doing less. */
export async function checkOneHop(name: string, port: number): Promise<void> {
  const expectations: readonly (readonly [string, Readonly<Record<string, string>>, number])[] = [
    [oneHopPath, oneHopHeaders, 200],
    ['/ratings/7', oneHopHeaders, 404],
    [oneHopPath, { ...oneHopHeaders, Host: 'ratings.example' }, 404],
    [oneHopPath, { ...oneHopHeaders, 'x-team': 'red' }, 404],
  ];
  for (const [askedPath, askedHeaders, status] of expectations) {
    const answer = await fetchOnce(port, askedPath, askedHeaders);
    const asked = `${askedPath} ${JSON.stringify(askedHeaders)}`;
    if (answer.status !== status)
      throw new Error(`${name} answers ${answer.status} to ${asked}, not ${status}`);
    if (status === 200 && answer.bodyBytes !== answerBytes) {
      throw new Error(`${name} answers ${answer.bodyBytes} bytes to ${asked}, not ${answerBytes}`);
    }
  }
}
