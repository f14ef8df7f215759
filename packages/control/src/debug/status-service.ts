import { packAny } from '@lateen/protocol';
import { xdsTypes } from '@lateen/protocol/ads';
import { ClientConfig, type ConfigStatus } from '@lateen/protocol/envoy/service/status/v3';
import type { StatusResource, StatusService } from '../push/ads-service.ts';
import type { Connection } from '../push/connection.ts';
import type { DiscoveryServer } from '../push/discovery-server.ts';
import type { Subscription, SyncState } from '../push/subscription.ts';
import { configDump } from './config-dump.ts';
import { findConnection } from './pages.ts';

const syncz = 'istio.io/debug/syncz';
const configDumps = 'istio.io/debug/config_dump';

const statuses: Readonly<Record<SyncState['kind'], ConfigStatus>> = {
  notSent: 'NOT_SENT',
  synced: 'SYNCED',
  stale: 'STALE',
  rejected: 'ERROR',
};

/**
 * What Istio's `istioctl proxy-status` asks for over xDS: how far each proxy has followed (`istio.io/debug/syncz`), and what one
 * has been sent (`istio.io/debug/config_dump`, by `POD.NAMESPACE`). Callers of the mesh's own namespace see all proxies, others
 * those of theirs.
 */
export function statusService(discovery: DiscoveryServer, rootNamespace: string): StatusService {
  return {
    serves: (typeUrl) => typeUrl === syncz || typeUrl === configDumps,
    answer(typeUrl, names, caller) {
      const isVisible = ({ proxy }: Connection): boolean =>
        caller.namespace === rootNamespace || caller.namespace === proxy.namespace;
      if (typeUrl === syncz) return discovery.connections.filter(isVisible).map(clientConfigOf);
      const connection = names.length === 1 ? findConnection(discovery, names[0] ?? '') : undefined;
      return connection !== undefined && isVisible(connection)
        ? (configDump(connection).configs ?? []).map((resource) => ({ name: resource.typeUrl, resource }))
        : [];
    },
  };
}

function clientConfigOf({ proxy, subscriptions }: Connection): StatusResource {
  const { namespace, version } = proxy;
  const metadata = { CLUSTER_ID: 'Kubernetes', NAMESPACE: namespace, ISTIO_VERSION: version };
  const configs = [...subscriptions].map(([kind, subscription]) => ({
    typeUrl: xdsTypes[kind].typeUrl,
    configStatus: statuses[subscription.state.kind],
    lastUpdated: subscription.outstanding?.sentMs ?? subscription.ackedMs,
    errorState: errorOf(subscription),
  }));
  const resource = packAny(ClientConfig, { node: { id: proxy.id, metadata }, genericXdsConfigs: configs });
  return { name: proxy.id, resource };
}

function errorOf({ rejection }: Subscription): { lastUpdateAttempt: number; details: string } | undefined {
  return rejection && { lastUpdateAttempt: rejection.atMs, details: rejection.reason };
}
