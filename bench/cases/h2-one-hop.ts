import { fileURLToPath } from 'node:url';
import { fetchOverHttp2 } from '../http-check.ts';
import { envoy, haproxy, lateen } from '../peer.ts';
import { proxyCase } from '../proxy-case.ts';
import { answerBytes } from '../upstream.ts';

const config = (name: string): string => fileURLToPath(new URL(`h2-one-hop/${name}`, import.meta.url));

const path = '/reviews/7';
const headers = { Host: 'reviews.example', 'x-team': 'blue' };
const connections = 8;

/** One hop over HTTP/2 without TLS on both sides, one core for the contender. */
export const h2OneHop = proxyCase({
  name: 'h2-one-hop',
  summary: `HTTP/2, one route by host, path and header, ${connections} connections of 10 streams, ${answerBytes} bytes, one core`,
  lineups: [
    { peer: lateen, configs: [config('bootstrap.yaml')] },
    { peer: haproxy, configs: [config('haproxy.cfg')] },
    { peer: envoy, configs: [config('bootstrap.yaml')] },
  ],
  protocol: 'http2',
  path,
  headers,
  connections,
  check,
  countsRequests: true,
});

/** A contender that does not look at host, path and header would win by doing less. */
async function check(name: string, port: number): Promise<void> {
  const expectations: readonly (readonly [string, Readonly<Record<string, string>>, number])[] = [
    [path, headers, 200],
    ['/ratings/7', headers, 404],
    [path, { ...headers, Host: 'ratings.example' }, 404],
    [path, { ...headers, 'x-team': 'red' }, 404],
  ];
  for (const [askedPath, askedHeaders, status] of expectations) {
    const answer = await fetchOverHttp2(port, askedPath, askedHeaders);
    if (answer.status !== status) {
      throw new Error(
        `${name} answers ${answer.status} to ${askedPath} ${JSON.stringify(askedHeaders)}, not ${status}`,
      );
    }
    if (status === 200 && answer.bodyBytes !== answerBytes) {
      throw new Error(`${name} answers ${answer.bodyBytes} bytes, not ${answerBytes}`);
    }
  }
}
