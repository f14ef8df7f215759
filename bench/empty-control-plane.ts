import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
} from '@lateen/protocol/envoy/service/discovery/v3';
import { createGrpcServer } from '@lateen/protocol/grpc';
import { http2Options, staticCluster } from './sidecar-bootstrap.ts';

/** A control plane that speaks incremental ADS and has nothing to say: what proxies have is in their bootstrap. */
export interface EmptyControlPlane {
  /** Streams that are open and have been answered. */
  readonly answered: number;
  /** What a bootstrap needs besides to ask it, in JSON, as `--config-yaml` takes it. */
  readonly overlay: string;
  close(): Promise<void>;
}

/** Serves on a port of the loopback. */
export async function startEmptyControlPlane(): Promise<EmptyControlPlane> {
  const answered = new Set<object>();
  const server = createGrpcServer({});
  server.stream(AggregatedDiscoveryService.deltaAggregatedResources, (stream) => ({
    onMessage({ typeUrl = '', responseNonce = '' }: DeltaDiscoveryRequest) {
      if (responseNonce !== '') return;
      answered.add(stream);
      void stream.send({ typeUrl, nonce: typeUrl });
    },
    onClose: () => void answered.delete(stream),
  }));
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const ads = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
  return {
    get answered() {
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
      static_resources: { clusters: [{ ...staticCluster('xds-grpc', 'istiod', port), ...http2Options }] },
    }),
    close: () => server.close(),
  };
}
