import { ok, problem, problems as failed, type Result } from '@lateen/core';
import { parseManifests } from '../manifest/parse-manifests.ts';
import { localityLoadBalancer } from '../kinds/traffic-policy.ts';
import { checkShape, problemList } from '../schema/check-shape.ts';
import {
  anyObject,
  choice,
  duration,
  flag,
  list,
  map,
  message,
  portNumber,
  text,
  type ShapeOf,
} from '../schema/shape.ts';
import { exportTo } from '../kinds/selectors.ts';
import { proxySettings } from './proxy-settings.ts';

const names = (description: string) => list(description, text('Name.'));

/** Settings of the whole mesh: key `mesh` of ConfigMap `istio`. */
export const meshConfig = message('Settings of the mesh.', {
  proxyListenPort: portNumber('Port of captured outbound traffic; 15001 where left out.'),
  proxyInboundListenPort: portNumber('Port of captured inbound traffic; 15006 where left out.'),
  proxyHttpPort: portNumber('Port of an explicit HTTP proxy.'),
  connectTimeout: duration('Time limit to connect; 10s where left out.'),
  protocolDetectionTimeout: duration('How long a proxy looks for the protocol; 0s means without limit.'),
  tcpKeepalive: anyObject('TCP keep-alive of all connections.'),
  ingressClass: text('Class of Ingress objects; istio where left out.'),
  ingressService: text('Service of the ingress gateway; istio-ingressgateway where left out.'),
  ingressControllerMode: choice('Which Ingress objects are handled.', [
    'UNSPECIFIED',
    'OFF',
    'DEFAULT',
    'STRICT',
  ]),
  ingressSelector: text('Value of the label istio of the ingress gateway.'),
  enableTracing: flag('Whether requests are traced.'),
  accessLogFile: text('File of the access log; none where left out.'),
  accessLogFormat: text('Format of the access log; Istio’s where left out.'),
  accessLogEncoding: choice('Encoding of the access log; TEXT where left out.', ['TEXT', 'JSON']),
  enableEnvoyAccessLogService: flag('Whether access logs are sent to the access log service.'),
  disableEnvoyListenerLog: flag('Whether connections that match no listener are not logged.'),
  defaultConfig: proxySettings,
  outboundTrafficPolicy: message('What happens to traffic to unknown services.', {
    mode: choice('Whether it is let through; ALLOW_ANY where left out.', ['REGISTRY_ONLY', 'ALLOW_ANY']),
  }),
  inboundTrafficPolicy: message('What happens to traffic to ports that the pod does not declare.', {
    mode: choice('Where it is sent.', ['PASSTHROUGH', 'LOCALHOST']),
  }),
  configSources: list('Where configuration comes from.', anyObject('A source.')),
  enableAutoMtls: flag('Whether sidecars use mutual TLS between them; true where left out.'),
  trustDomain: text('Trust domain of identities; cluster.local where left out.'),
  trustDomainAliases: names('Further trust domains that are accepted.'),
  caCertificates: list('Further CA certificates.', anyObject('A certificate.')),
  defaultServiceExportTo: exportTo,
  defaultVirtualServiceExportTo: exportTo,
  defaultDestinationRuleExportTo: exportTo,
  rootNamespace: text('Namespace whose rules hold for all; istio-system where left out.'),
  localityLbSetting: localityLoadBalancer,
  dnsRefreshRate: duration('Time between resolutions of names; 60s where left out.'),
  h2UpgradePolicy: choice('Whether HTTP/1.1 is carried over HTTP/2.', ['DO_NOT_UPGRADE', 'UPGRADE']),
  inboundClusterStatName: text('Form of the names of inbound clusters in statistics.'),
  outboundClusterStatName: text('Form of the names of outbound clusters in statistics.'),
  certificates: list('Not used.', anyObject('A certificate.')),
  serviceSettings: list('Settings of single services.', anyObject('Settings.')),
  enablePrometheusMerge: flag(
    'Whether the agent adds the application’s metrics to its own; true where left out.',
  ),
  verifyCertificateAtClient: flag('Whether servers’ certificates are verified with the system’s CAs.'),
  discoverySelectors: list('Namespaces that the control plane looks at.', anyObject('A label selector.')),
  pathNormalization: message('How paths are normalised.', {
    normalization: choice('How far.', [
      'DEFAULT',
      'NONE',
      'BASE',
      'MERGE_SLASHES',
      'DECODE_AND_MERGE_SLASHES',
    ]),
  }),
  defaultHttpRetryPolicy: anyObject('Retries where a route says nothing.'),
  meshMTLS: anyObject('Limits of TLS inside the mesh.'),
  tlsDefaults: anyObject('Limits of TLS elsewhere.'),
  ca: anyObject('An external CA.'),
  extensionProviders: list('Services that policies and telemetry can name.', anyObject('A provider.')),
  defaultProviders: message('Providers where a Telemetry names none.', {
    tracing: names('For traces.'),
    metrics: names('For metrics.'),
    accessLogging: names('For access logs.'),
  }),
  thriftConfig: anyObject('Not used.'),
  mixerCheckServer: text('Not used.'),
  mixerReportServer: text('Not used.'),
  disableMixerHttpReports: flag('Not used.'),
  statsTags: map('Not used.', text('Value.')),
});
export type MeshConfig = ShapeOf<typeof meshConfig>;

/** Reads the text of key `mesh` of ConfigMap `istio`. */
export function parseMeshConfig(yaml: string): Result<MeshConfig> {
  const { documents, problems } = parseManifests(yaml, 'mesh');
  if (problems.length > 0) return failed(problems);
  if (documents.length > 1) return problem('', 'must be a single document');
  return decodeMeshConfig(documents[0]?.object ?? {});
}

/** Checks settings of the mesh that were read before. */
export function decodeMeshConfig(value: unknown): Result<MeshConfig> {
  return decodeBy<MeshConfig>(meshConfig, value);
}

/** Reads the annotation `proxy.istio.io/config` of a pod. */
export function parseProxySettings(yaml: string): Result<ShapeOf<typeof proxySettings>> {
  const { documents, problems } = parseManifests(yaml, 'proxy.istio.io/config');
  if (problems.length > 0) return failed(problems);
  return decodeBy(proxySettings, documents[0]?.object ?? {});
}

function decodeBy<T>(shape: Parameters<typeof checkShape>[0], value: unknown): Result<T> {
  const { problems, report } = problemList();
  checkShape(shape, value, '', report);
  // Checked above to be of the shape.
  return problems.length > 0 ? failed(problems) : ok(value as T);
}
