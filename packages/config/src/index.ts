export { crdManifest, crdManifests, type CrdManifest } from './crd/crd-manifests.ts';
export { claimMatchesAtSidecars } from './claim-matches.ts';
export { bracketedNames, routingClaim } from './claim-name.ts';
export { decodeConfig } from './decode-config.ts';
export {
  configKindOf,
  configKinds,
  type ConfigKind,
  type ConfigKindName,
  type ConfigSpecs,
  type PrinterColumn,
} from './kinds/config-kinds.ts';
export type {
  AuthorizationPolicy,
  Config,
  ConfigMetadata,
  ConfigObject,
  DestinationRule,
  EnvoyFilter,
  Gateway,
  IstioOperator,
  PeerAuthentication,
  ProxyConfig,
  RequestAuthentication,
  ServiceEntry,
  Sidecar,
  Telemetry,
  VirtualService,
  WasmPlugin,
  WorkloadEntry,
  WorkloadGroup,
} from './kinds/config-object.ts';
export type { AuthorizationPolicySpec, AuthorizationRule } from './kinds/authorization-policy.ts';
export type { DestinationRuleSpec, Subset } from './kinds/destination-rule.ts';
export type { Destination, HeaderChanges, HeaderOperations, RouteDestination } from './kinds/destination.ts';
export type { EnvoyFilterSpec } from './kinds/envoy-filter.ts';
export type { GatewayServer, GatewaySpec, ServerTls } from './kinds/gateway.ts';
export type {
  CorsPolicy,
  HttpFault,
  HttpMatchRequest,
  HttpRedirect,
  HttpRetry,
  HttpRewrite,
  HttpRoute,
  HttpRouteDestination,
} from './kinds/http-route.ts';
export type { PeerAuthenticationSpec } from './kinds/peer-authentication.ts';
export type { JwtRule, RequestAuthenticationSpec } from './kinds/request-authentication.ts';
export type { MatchLabelsSelector, WorkloadSelector } from './kinds/selectors.ts';
export type { ServiceEntrySpec } from './kinds/service-entry.ts';
export type { SidecarSpec } from './kinds/sidecar.ts';
export type { StringMatch } from './kinds/string-match.ts';
export type { TelemetrySpec } from './kinds/telemetry.ts';
export type {
  ClientTls,
  ConnectionPool,
  LoadBalancer,
  LocalityLoadBalancer,
  OutlierDetection,
  TrafficPolicy,
} from './kinds/traffic-policy.ts';
export type { TcpRoute, TlsRoute, VirtualServiceSpec } from './kinds/virtual-service.ts';
export type { WorkloadEntrySpec } from './kinds/workload-entry.ts';
export type { WorkloadGroupSpec } from './kinds/workload-group.ts';
export {
  isHttp,
  isHttp2,
  isTls,
  namedProtocols,
  parseProtocol,
  portProtocol,
  protocolOfName,
  type PortProtocol,
  type ServicePortInput,
} from './port-protocol.ts';
export { didYouMean } from './schema/did-you-mean.ts';
export { durationMs, parseDuration } from './schema/duration.ts';
export { istioVersion, kubernetesVersion, lateenVersion } from './versions.ts';
export {
  locateProblems,
  parseManifests,
  type ManifestDocument,
  type ParsedManifests,
  type Place,
} from './manifest/parse-manifests.ts';
export { parseFieldPath } from './manifest/field-path.ts';
export {
  decodeMeshConfig,
  parseMeshConfig,
  parseProxySettings,
  type MeshConfig,
} from './mesh/mesh-config.ts';
export type { ProxySettings } from './mesh/proxy-settings.ts';
export { destinationsOf, isForGateways } from './analyze/references.ts';
export { localityLoadBalancer } from './kinds/traffic-policy.ts';
export { checkShape, isObject, joinPath, nameOf, problemList, type Report } from './schema/check-shape.ts';
export { analyze } from './analyze/analyze.ts';
export { meshView, type MeshView, type MeshViewOptions } from './analyze/mesh-view.ts';
export {
  formatMessage,
  messageCodes,
  type Message,
  type MessageCode,
  type MessageLevel,
  type ObjectName,
  message,
} from './analyze/message.ts';
export { formatManifest, formatManifests } from './manifest/format-manifest.ts';
