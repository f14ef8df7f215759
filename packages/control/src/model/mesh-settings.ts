import type { LocalityLoadBalancer } from '@lateen/config';
import type { AuthorizationProvider } from './authorization-provider.ts';
import type { GatewayTopology } from './gateway-topology.ts';

/** What holds for the whole mesh: the parts of Istio's MeshConfig that translation reads. */
export interface MeshSettings {
  /** Domain of the cluster's names. */
  readonly domain: string;
  readonly trustDomain: string;
  /** Former names of the trust domain, which identities may still bear. */
  readonly trustDomainAliases: readonly string[];
  /** Namespace whose rules hold for all. */
  readonly rootNamespace: string;
  /** What a sidecar does with traffic to hosts that the mesh does not know. */
  readonly outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  /** Use mutual TLS between sidecars where nothing else is said (`enableAutoMtls`). */
  readonly autoMutualTls: boolean;
  /** File that proxies write their access log to; empty for none. */
  readonly accessLogFile: string;
  readonly accessLogEncoding: 'TEXT' | 'JSON';
  /** Own format of the access log; empty for Istio's. */
  readonly accessLogFormat: string;
  /** How far paths of requests are normalised before anybody judges them. */
  readonly pathNormalization: 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';
  /** Whom policies with action CUSTOM can have asked. */
  readonly authorizationProviders: readonly AuthorizationProvider[];
  /** What stands before gateways that do not say it themselves (`defaultConfig.gatewayTopology`). */
  readonly gatewayTopology: GatewayTopology;
  /** How localities are preferred where no DestinationRule says it (`localityLbSetting`). */
  readonly localityLoadBalancer: LocalityLoadBalancer;
  readonly connectTimeoutMs: number;
  /** How long a proxy looks for the protocol of a connection; 0 means as long as it takes. */
  readonly protocolDetectionTimeoutMs: number;
  readonly defaultServiceExportTo: readonly string[];
  readonly defaultVirtualServiceExportTo: readonly string[];
  readonly defaultDestinationRuleExportTo: readonly string[];
  readonly enablePrometheusMerge: boolean;
  /** Watch what goes to ports that are named for MongoDB (`PILOT_ENABLE_MONGO_FILTER`). */
  readonly mongoFilter: boolean;
  /** Speak Redis at ports that are named for it (`PILOT_ENABLE_REDIS_FILTER`). */
  readonly redisFilter: boolean;
}

/** Istio's defaults, but for mutual TLS, which is not used unasked. */
export const defaultMeshSettings: MeshSettings = {
  domain: 'cluster.local',
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  rootNamespace: 'istio-system',
  outboundTrafficPolicy: 'ALLOW_ANY',
  autoMutualTls: true,
  accessLogFile: '',
  accessLogEncoding: 'TEXT',
  accessLogFormat: '',
  pathNormalization: 'BASE',
  authorizationProviders: [],
  gatewayTopology: {},
  localityLoadBalancer: {},
  connectTimeoutMs: 10_000,
  protocolDetectionTimeoutMs: 0,
  defaultServiceExportTo: ['*'],
  defaultVirtualServiceExportTo: ['*'],
  defaultDestinationRuleExportTo: ['*'],
  enablePrometheusMerge: true,
  mongoFilter: true,
  redisFilter: false,
};
