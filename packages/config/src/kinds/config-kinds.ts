import { anyObject, type Shape, type ShapeKeywords, type ShapeOf } from '../schema/shape.ts';
import { authorizationPolicy, type AuthorizationPolicySpec } from './authorization-policy.ts';
import { destinationRule, type DestinationRuleSpec } from './destination-rule.ts';
import { envoyFilter, type EnvoyFilterSpec } from './envoy-filter.ts';
import { gateway, type GatewaySpec } from './gateway.ts';
import { peerAuthentication, type PeerAuthenticationSpec } from './peer-authentication.ts';
import { proxyConfig, type ProxyConfigSpec } from './proxy-config.ts';
import { requestAuthentication, type RequestAuthenticationSpec } from './request-authentication.ts';
import { serviceEntry, type ServiceEntrySpec } from './service-entry.ts';
import { sidecar, type SidecarSpec } from './sidecar.ts';
import { telemetry, type TelemetrySpec } from './telemetry.ts';
import { virtualService, type VirtualServiceSpec } from './virtual-service.ts';
import { wasmPlugin, type WasmPluginSpec } from './wasm-plugin.ts';
import { workloadEntry, type WorkloadEntrySpec } from './workload-entry.ts';
import { workloadGroup, type WorkloadGroupSpec } from './workload-group.ts';

const istioOperator = anyObject('What was installed, and how.');

/** The `spec` of each kind of configuration. */
export interface ConfigSpecs {
  AuthorizationPolicy: AuthorizationPolicySpec;
  DestinationRule: DestinationRuleSpec;
  EnvoyFilter: EnvoyFilterSpec;
  Gateway: GatewaySpec;
  IstioOperator: ShapeOf<typeof istioOperator>;
  PeerAuthentication: PeerAuthenticationSpec;
  ProxyConfig: ProxyConfigSpec;
  RequestAuthentication: RequestAuthenticationSpec;
  ServiceEntry: ServiceEntrySpec;
  Sidecar: SidecarSpec;
  Telemetry: TelemetrySpec;
  VirtualService: VirtualServiceSpec;
  WasmPlugin: WasmPluginSpec;
  WorkloadEntry: WorkloadEntrySpec;
  WorkloadGroup: WorkloadGroupSpec;
}

/** The names of the kinds. */
export type ConfigKindName = keyof ConfigSpecs;

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'date';
  readonly jsonPath: string;
  readonly description: string;
}

/** All that is known of a kind of configuration besides its meaning. */
export interface ConfigKind<K extends ConfigKindName = ConfigKindName> {
  readonly kind: K;
  readonly group: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Versions that are served, the stored one first. They differ in name only. */
  readonly versions: readonly string[];
  readonly columns: readonly PrinterColumn[];
  /** The shape of `spec`. */
  readonly shape: ShapeKeywords;
}

const age: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since the object was created.',
};

function column(name: string, jsonPath: string, description: string): PrinterColumn {
  return { name, type: 'string', jsonPath, description };
}

function configKind<K extends ConfigKindName>(
  kind: K,
  area: 'networking' | 'security' | 'telemetry' | 'extensions' | 'install',
  plural: string,
  versions: readonly string[],
  spec: Shape<ConfigSpecs[K]>,
  options: { readonly shortNames?: readonly string[]; readonly columns?: readonly PrinterColumn[] } = {},
): ConfigKind<K> {
  return {
    kind,
    group: `${area}.istio.io`,
    plural,
    singular: kind.toLowerCase(),
    shortNames: options.shortNames ?? [],
    categories: ['istio-io', `${area}-istio-io`],
    versions,
    columns: options.columns ?? [],
    shape: spec,
  };
}

const networking = ['v1', 'v1beta1', 'v1alpha3'];
const security = ['v1', 'v1beta1'];

/** Every kind of configuration by its name. */
export const configKinds: { readonly [K in ConfigKindName]: ConfigKind<K> } = {
  DestinationRule: configKind(
    'DestinationRule',
    'networking',
    'destinationrules',
    networking,
    destinationRule,
    {
      shortNames: ['dr'],
      columns: [column('Host', '.spec.host', 'The service that the rule is for.'), age],
    },
  ),
  EnvoyFilter: configKind('EnvoyFilter', 'networking', 'envoyfilters', ['v1alpha3'], envoyFilter),
  Gateway: configKind('Gateway', 'networking', 'gateways', networking, gateway, { shortNames: ['gw'] }),
  ProxyConfig: configKind('ProxyConfig', 'networking', 'proxyconfigs', ['v1beta1'], proxyConfig),
  ServiceEntry: configKind('ServiceEntry', 'networking', 'serviceentries', networking, serviceEntry, {
    shortNames: ['se'],
    columns: [
      column('Hosts', '.spec.hosts', 'The hosts of the service.'),
      column('Location', '.spec.location', 'Whether the service is part of the mesh.'),
      column('Resolution', '.spec.resolution', 'How endpoints are found.'),
      age,
    ],
  }),
  Sidecar: configKind('Sidecar', 'networking', 'sidecars', networking, sidecar),
  VirtualService: configKind('VirtualService', 'networking', 'virtualservices', networking, virtualService, {
    shortNames: ['vs'],
    columns: [
      column('Gateways', '.spec.gateways', 'The gateways that apply the rules.'),
      column('Hosts', '.spec.hosts', 'The hosts that the rules are for.'),
      age,
    ],
  }),
  WorkloadEntry: configKind('WorkloadEntry', 'networking', 'workloadentries', networking, workloadEntry, {
    shortNames: ['we'],
    columns: [age, column('Address', '.spec.address', 'The address of the workload.')],
  }),
  WorkloadGroup: configKind('WorkloadGroup', 'networking', 'workloadgroups', networking, workloadGroup, {
    shortNames: ['wg'],
    columns: [age],
  }),
  AuthorizationPolicy: configKind(
    'AuthorizationPolicy',
    'security',
    'authorizationpolicies',
    security,
    authorizationPolicy,
    {
      shortNames: ['ap'],
      columns: [column('Action', '.spec.action', 'What happens to requests that match.'), age],
    },
  ),
  PeerAuthentication: configKind(
    'PeerAuthentication',
    'security',
    'peerauthentications',
    security,
    peerAuthentication,
    {
      shortNames: ['pa'],
      columns: [column('Mode', '.spec.mtls.mode', 'Whether mutual TLS is asked for.'), age],
    },
  ),
  RequestAuthentication: configKind(
    'RequestAuthentication',
    'security',
    'requestauthentications',
    security,
    requestAuthentication,
    { shortNames: ['ra'] },
  ),
  Telemetry: configKind('Telemetry', 'telemetry', 'telemetries', ['v1', 'v1alpha1'], telemetry, {
    shortNames: ['telemetry'],
    columns: [age],
  }),
  WasmPlugin: configKind('WasmPlugin', 'extensions', 'wasmplugins', ['v1alpha1'], wasmPlugin, {
    columns: [age],
  }),
  IstioOperator: configKind('IstioOperator', 'install', 'istiooperators', ['v1alpha1'], istioOperator, {
    shortNames: ['iop', 'io'],
    columns: [
      column('Revision', '.spec.revision', 'The revision of the control plane.'),
      column('Status', '.status.status', 'Whether it is installed.'),
      age,
    ],
  }),
};

/** The kind of an object, by its `apiVersion` and `kind`; undefined where it is not configuration of the mesh. */
export function configKindOf(apiVersion: string, kind: string): ConfigKind | undefined {
  const [group, version] = apiVersion.split('/');
  const known = Object.hasOwn(configKinds, kind) ? configKinds[kind as ConfigKindName] : undefined;
  return known?.group === group && version !== undefined && known?.versions.includes(version)
    ? known
    : undefined;
}
