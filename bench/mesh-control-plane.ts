import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
} from '@lateen/protocol/envoy/service/discovery/v3';
import { createGrpcServer } from '@lateen/protocol/grpc';
import { createTestAuthority } from '@lateen/testkit';
import type { JsonObject } from './json.ts';
import { meshResources } from './mesh-resources.ts';
import { http2Options, staticCluster } from './sidecar-bootstrap.ts';

const host = 'istiod.istio-system.svc';

/** A control plane that speaks incremental ADS and tells each proxy of a small mesh, besides what is in its bootstrap. */
export interface MeshControlPlane {
  /** Streams that are open and have acknowledged listeners. */
  readonly answered: number;
  /** What a bootstrap needs besides to ask it, in JSON, as `--config-yaml` takes it. */
  readonly overlay: string;
  close(): Promise<void>;
}

/** Serves on a port of the loopback, by TLS, as sidecars reach a control plane. */
export async function startMeshControlPlane(): Promise<MeshControlPlane> {
  const answered = new Set<object>();
  let refused: string | undefined;
  const authority = await createTestAuthority();
  const resources = meshResources(authority.root);
  const tls = await authority.issue({ dns: [host] });
  const server = createGrpcServer({});
  server.stream(AggregatedDiscoveryService.deltaAggregatedResources, (stream) => ({
    onMessage(request: DeltaDiscoveryRequest) {
      const { typeUrl = '', responseNonce = '', resourceNamesSubscribe: names = [], errorDetail } = request;
      if (errorDetail !== undefined) refused ??= errorDetail.message;
      if (responseNonce !== '' && typeUrl === Listener.typeUrl) answered.add(stream);
      if (responseNonce !== '' && names.length === 0) return;
      const list = [...(resources.get(typeUrl) ?? [])].filter(
        ([name]) => names.length === 0 || names.includes('*') || names.includes(name),
      );
      const version = '1';
      void stream.send({
        typeUrl,
        nonce: typeUrl,
        resources: list.map(([name, resource]) => ({ name, version, resource })),
      });
    },
    onClose: () => void answered.delete(stream),
  }));
  const { port } = await server.listen({ host: '127.0.0.1', port: 0, tls });
  const ads = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
  return {
    get answered() {
      if (refused !== undefined) throw new Error(`a proxy refuses its configuration: ${refused}`);
      return answered.size;
    },
    overlay: JSON.stringify({
      dynamic_resources: {
        cds_config: ads,
        lds_config: ads,
        ads_config: {
          api_type: 'DELTA_GRPC',
          transport_api_version: 'V3',
          grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
        },
      },
      static_resources: {
        clusters: [
          { ...staticCluster('xds-grpc', 'istiod', port), ...http2Options, ...trusting(authority.root) },
        ],
      },
    }),
    close: () => server.close(),
  };
}

/** What makes a cluster verify the control plane. */
function trusting(root: string): JsonObject {
  const dns = { san_type: 'DNS', matcher: { exact: host } };
  return {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
        sni: host,
        common_tls_context: {
          alpn_protocols: ['h2'],
          validation_context: {
            trusted_ca: { inline_string: root },
            match_typed_subject_alt_names: [dns],
          },
        },
      },
    },
  };
}
