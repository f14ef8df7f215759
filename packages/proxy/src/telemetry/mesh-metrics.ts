import type { Host } from '../cluster/host.ts';
import type { NodeIdentity } from '../model/node-identity.ts';
import { defaultIstioStats, type IstioStatsOptions } from '../model/istio-stats.ts';
import type { JsonValue } from '../model/metadata.ts';
import { celOf } from './cel/cel-attributes.ts';
import type { CelMap } from './cel/cel-evaluation.ts';
import { MeshPrincipals } from './mesh-principals.ts';
import { MeshScope, type MeshDirectory } from './mesh-scope.ts';
import { MeshSeries } from './mesh-series.ts';
import { MeshServices } from './mesh-services.ts';
import { peerOfMetadata, PeerTable, unknownPeer, type Peer } from './peer.ts';
import { formatLabels, type PrometheusSource } from './stats-registry.ts';

/** Istio's standard metrics (https://istio.io/latest/docs/reference/config/metrics/) of a data plane. */
export class MeshMetrics implements PrometheusSource {
  readonly peers = new PeerTable();
  readonly #directory: MeshDirectory;
  /** By what the options say. */
  readonly #scopes = new Map<string, MeshScope>();
  /** Which version of Istio this proxy is one of. */
  readonly #build: string;
  readonly #peerOfHost = new WeakMap<object, Peer>();

  /** `boundsOf`: the buckets of a histogram by Envoy's name of it; undefined for its own. */
  constructor(node: NodeIdentity | undefined, boundsOf?: (name: string) => readonly number[] | undefined) {
    const version = node?.metadata['ISTIO_VERSION'];
    const tag = typeof version === 'string' && version !== '' ? version : 'unknown';
    this.#build = `# TYPE istio_build gauge\nistio_build${formatLabels({ component: 'proxy', tag })} 1\n`;
    this.#directory = {
      self: peerOfMetadata(node?.metadata ?? {}),
      services: new MeshServices(),
      principals: new MeshPrincipals(),
      node: celOf(
        node === undefined
          ? undefined
          : { id: node.id, cluster: node.cluster, metadata: node.metadata as JsonValue },
      ) as CelMap | undefined,
      bounds:
        boundsOf === undefined
          ? undefined
          : {
              durationMs: boundsOf('istiocustom.istio_request_duration_milliseconds'),
              requestBytes: boundsOf('istiocustom.istio_request_bytes'),
              responseBytes: boundsOf('istiocustom.istio_response_bytes'),
            },
      peerAt: (host) => this.#peerAt(host),
    };
  }

  /** Where filters with these options count: the same for the same options, so that counters outlive a listener. */
  scope(options: IstioStatsOptions = defaultIstioStats): MeshScope {
    const { hostHeaderFallback, overrides } = options;
    const key = JSON.stringify([hostHeaderFallback, overrides]);
    let scope = this.#scopes.get(key);
    if (scope === undefined) {
      scope = new MeshScope(options, this.#directory);
      this.#scopes.set(key, scope);
    }
    return scope;
  }

  prometheus(): string {
    const series = new MeshSeries();
    for (const scope of this.#scopes.values()) scope.collect(series);
    return series.prometheus() + (this.#scopes.size === 0 ? '' : this.#build);
  }

  resetCounters(): void {
    for (const scope of this.#scopes.values()) scope.resetCounters();
  }

  /** Who runs at an endpoint, from what the control plane says of it. */
  #peerAt(host: Host | undefined): Peer {
    if (host === undefined) return unknownPeer;
    const known = this.#peerOfHost.get(host.endpoint);
    if (known !== undefined) return known;
    const workload = host.endpoint.metadata['istio']?.['workload'];
    const peer = typeof workload === 'string' ? this.peers.byWorkload(workload) : unknownPeer;
    this.#peerOfHost.set(host.endpoint, peer);
    return peer;
  }
}
