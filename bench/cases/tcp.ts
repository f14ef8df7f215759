import { fileURLToPath } from 'node:url';
import { fetchOnce } from '../http-check.ts';
import type { Lineup } from '../lineup.ts';
import { envoy, haproxy, lateen } from '../peer.ts';
import { proxyCase } from '../proxy-case.ts';
import { answerBytes } from '../upstream.ts';

const config = (name: string): string => fileURLToPath(new URL(`tcp/${name}`, import.meta.url));

/** One listener that hands every connection to one cluster. */
export const tcpLineups: readonly Lineup[] = [
  { peer: lateen, configs: [config('bootstrap.yaml')] },
  { peer: haproxy, configs: [config('haproxy.cfg')] },
  { peer: envoy, configs: [config('bootstrap.yaml')] },
];

/** Bytes passed on over connections that stay: HTTP is only the load's way of asking. */
export const tcpOneHop = proxyCase({
  name: 'tcp-one-hop',
  summary: `TCP passed on, 32 connections that stay, ${answerBytes} bytes an answer, one core`,
  lineups: tcpLineups,
  path: '/',
  headers: {},
  connections: 32,
  check,
});

/** A new connection for each request, on both sides. */
export const tcpConnect = proxyCase({
  name: 'tcp-connect',
  summary: `TCP passed on, a new connection for each request, ${answerBytes} bytes an answer, one core`,
  lineups: tcpLineups,
  path: '/',
  headers: { Connection: 'close' },
  connections: 32,
  check,
});

async function check(name: string, port: number): Promise<void> {
  const answer = await fetchOnce(port, '/', {});
  if (answer.status !== 200) throw new Error(`${name} answers ${answer.status}`);
}
