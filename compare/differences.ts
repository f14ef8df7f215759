import type { Observation } from './observe.ts';

/** One thing that the proxies do not have in common. */
export interface Difference {
  readonly name: string;
  readonly envoy: string | undefined;
  readonly lateen: string | undefined;
  /** Why it is so on purpose, where it is. */
  readonly reason?: string;
}

/** Differences of all cases, and why they are (docs/envoy-differences.md). */
const everywhere: readonly (readonly [RegExp, string])[] = [
  [/^stat\.cluster\.\w+\.(?:external|internal)\./, 'not split by where requests come from'],
  [/^stat\.listener\..*\.http\./, 'not kept by listener besides'],
  [/^stat\..*nghttp2_(?:up|down)stream_connections$/, 'another codec'],
  [/^stat\..*\.upstream_cx_close_notify$/, 'not kept'],
  [/^stat\..*\.downstream_cx_delayed_close_timeout$/, 'clients are told by FIN'],
  [/^stat\..*\.downstream_rq_rx_reset$/, 'not counted where the proxy ends the connection'],
  [/^stat\..*\.(?:upstream|downstream)_rq_1(?:xx|\d\d)$/, 'interim answers are not counted'],
];

/** All that differs; `reasons` are by the beginning of a name. */
export function differences(
  envoy: Observation,
  lateen: Observation,
  reasons: Readonly<Record<string, string>> = {},
): Difference[] {
  const names = new Set([...envoy.keys(), ...lateen.keys()]);
  const found: Difference[] = [];
  for (const name of names) {
    const [theirs, ours] = [envoy.get(name), lateen.get(name)];
    if (theirs === ours) continue;
    const reason =
      Object.entries(reasons).find(([prefix]) => name.startsWith(prefix))?.[1] ??
      everywhere.find(([pattern]) => pattern.test(name))?.[1];
    found.push({ name, envoy: theirs, lateen: ours, ...(reason === undefined ? {} : { reason }) });
  }
  return found;
}
