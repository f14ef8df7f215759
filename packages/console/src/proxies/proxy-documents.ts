import { isObject } from '@lateen/config';
import { messageOf } from '@lateen/core';
import type { ProxyListDocument, ProxyRow, ProxyState } from '../documents.ts';
import type { MeshSource, SourceObject } from '../mesh-source.ts';
import { hasProxy, isRunning } from '../graph/workloads.ts';

const debugPort = 15_014;
const kinds = ['cluster', 'listener', 'route', 'endpoint', 'secret', 'extensionconfig'] as const;
/** From the best to the worst. */
const order: readonly ProxyState[] = ['NOT SENT', 'SYNCED', 'STALE', 'NACK', 'NOT CONNECTED'];

/** Asks every replica of the control plane how far its proxies have followed. */
export async function readProxies(source: MeshSource): Promise<ProxyListDocument> {
  const pods = source.list('Pod').filter(isRunning);
  const control = pods.filter(({ metadata }) => metadata.labels?.['app'] === 'istiod');
  if (control.length === 0) return { proxies: [], problem: 'no pod of the control plane (app=istiod) runs' };
  const rows: ProxyRow[] = [];
  const failures: string[] = [];
  await Promise.all(
    control.map(async ({ metadata: { namespace = '', name } }) => {
      try {
        rows.push(...parseSyncStatus(await source.readPod(namespace, name, debugPort, '/debug/syncz')));
      } catch (error) {
        failures.push(`${name}: ${messageOf(error)}`);
      }
    }),
  );
  if (failures.length > 0) return { proxies: sorted(rows), problem: failures.join('; ') };
  return { proxies: sorted([...rows, ...unconnected(pods, rows)]) };
}

/** Reads `/debug/syncz`: with Lateen's word for each kind, else from what was sent and acknowledged. */
export function parseSyncStatus(text: string): ProxyRow[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) return [];
  return list.filter(isObject).map((status): ProxyRow => {
    const id = textOf(status['proxy'], '');
    const dot = id.lastIndexOf('.');
    const states = kinds.map((kind) => {
      const reason = status[`${kind}_error`];
      return {
        kind,
        state: stateOf(status, kind),
        ...(typeof reason === 'string' ? { reason } : {}),
      };
    });
    const version = status['istio_version'];
    return {
      ...(typeof version === 'string' && version !== '' ? { version } : {}),
      name: dot < 0 ? id : id.slice(0, dot),
      namespace: dot < 0 ? '' : id.slice(dot + 1),
      type: textOf(status['proxy_type'], 'proxy'),
      state: states.map(({ state }) => state).reduce((a, b) => (order.indexOf(b) > order.indexOf(a) ? b : a)),
      kinds: states,
    };
  });
}

function textOf(value: unknown, standard: string): string {
  return typeof value === 'string' ? value : standard;
}

function stateOf(status: Record<string, unknown>, kind: string): ProxyState {
  const word = status[`${kind}_status`];
  const known = order.find((state) => state === word);
  if (known !== undefined) return known;
  const sent = status[`${kind}_sent`] ?? '';
  if (sent === '') return 'NOT SENT';
  return sent === status[`${kind}_acked`] ? 'SYNCED' : 'STALE';
}

function unconnected(pods: readonly SourceObject[], rows: readonly ProxyRow[]): ProxyRow[] {
  const connected = new Set(rows.map(({ namespace, name }) => `${namespace}/${name}`));
  return pods
    .filter(({ metadata }) => !connected.has(`${metadata.namespace ?? ''}/${metadata.name}`))
    .filter(hasProxy)
    .map(({ metadata }) => ({
      name: metadata.name,
      namespace: metadata.namespace ?? '',
      type: 'proxy',
      state: 'NOT CONNECTED' as const,
      kinds: [],
    }));
}

function sorted(rows: readonly ProxyRow[]): ProxyRow[] {
  return rows.toSorted((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}
