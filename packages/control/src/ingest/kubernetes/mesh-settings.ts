import { durationMs, localityLoadBalancer, checkShape, parseManifests } from '@lateen/config';
import { ok, problems, type Problem, type Result } from '@lateen/core';
import { decodeGatewayTopology } from '../../model/gateway-topology.ts';
import { defaultMeshSettings, type MeshSettings } from '../../model/mesh-settings.ts';
import { authorizationProviders } from './authorization-providers.ts';

/** Decodes the `mesh` text of ConfigMap `istio`; what it does not say keeps Istio's default. */
export function decodeMeshSettings(text: string, file = 'ConfigMap istio, key mesh'): Result<MeshSettings> {
  const parsed = parseManifests(text, file);
  if (parsed.problems.length > 0) return problems(parsed.problems);
  const source = parsed.documents[0]?.object ?? {};
  const found: Problem[] = [];
  const complain = (path: string, message: string): void => void found.push({ path, message, file });

  const string = (name: string, otherwise: string): string => {
    const value = source[name];
    if (value === undefined || value === null) return otherwise;
    if (typeof value === 'string') return value;
    complain(name, 'must be a string');
    return otherwise;
  };
  const flag = (name: string, otherwise: boolean): boolean => {
    const value = source[name];
    if (value === undefined || value === null) return otherwise;
    if (typeof value === 'boolean') return value;
    complain(name, 'must be true or false');
    return otherwise;
  };
  const choice = <T extends string>(name: string, value: unknown, allowed: readonly T[], otherwise: T): T => {
    if (value === undefined || value === null) return otherwise;
    if (allowed.includes(value as T)) return value as T;
    complain(name, `must be one of ${allowed.join(', ')}`);
    return otherwise;
  };
  const duration = (name: string, otherwise: number): number => {
    const value = string(name, '');
    if (value === '') return otherwise;
    const ms = durationMs(value, undefined);
    if (ms === undefined) complain(name, 'must be a duration such as 10s');
    return ms ?? otherwise;
  };
  const names = (name: string, otherwise: readonly string[]): readonly string[] => {
    const value = source[name];
    if (value === undefined || value === null) return otherwise;
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    complain(name, 'must be a list of names');
    return otherwise;
  };

  const d = defaultMeshSettings;
  const outbound = source['outboundTrafficPolicy'] as { readonly mode?: unknown } | null | undefined;
  const paths = source['pathNormalization'] as { readonly normalization?: unknown } | null | undefined;
  const normalization = choice(
    'pathNormalization.normalization',
    paths?.normalization,
    ['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const,
    d.pathNormalization,
  );
  const proxies = source['defaultConfig'] as { readonly gatewayTopology?: unknown } | null | undefined;
  const topology = decodeGatewayTopology(proxies?.gatewayTopology, 'defaultConfig.gatewayTopology');
  if (!topology.ok) for (const { path, message } of topology.problems) complain(path, message);
  const localities = source['localityLbSetting'] ?? {};
  checkShape(localityLoadBalancer, localities, 'localityLbSetting', complain);
  const settings: MeshSettings = {
    ...d,
    trustDomain: string('trustDomain', d.trustDomain),
    trustDomainAliases: names('trustDomainAliases', d.trustDomainAliases),
    rootNamespace: string('rootNamespace', d.rootNamespace) || d.rootNamespace,
    outboundTrafficPolicy: choice(
      'outboundTrafficPolicy.mode',
      outbound?.mode,
      ['ALLOW_ANY', 'REGISTRY_ONLY'],
      d.outboundTrafficPolicy,
    ),
    autoMutualTls: flag('enableAutoMtls', d.autoMutualTls),
    accessLogFile: string('accessLogFile', d.accessLogFile),
    accessLogEncoding: choice(
      'accessLogEncoding',
      source['accessLogEncoding'],
      ['TEXT', 'JSON'],
      d.accessLogEncoding,
    ),
    accessLogFormat: string('accessLogFormat', d.accessLogFormat),
    pathNormalization: normalization === 'DEFAULT' ? 'BASE' : normalization,
    authorizationProviders: authorizationProviders(source['extensionProviders'], complain),
    gatewayTopology: topology.ok ? topology.value : d.gatewayTopology,
    localityLoadBalancer: localities,
    connectTimeoutMs: duration('connectTimeout', d.connectTimeoutMs),
    protocolDetectionTimeoutMs: duration('protocolDetectionTimeout', d.protocolDetectionTimeoutMs),
    defaultServiceExportTo: names('defaultServiceExportTo', d.defaultServiceExportTo),
    defaultVirtualServiceExportTo: names('defaultVirtualServiceExportTo', d.defaultVirtualServiceExportTo),
    defaultDestinationRuleExportTo: names('defaultDestinationRuleExportTo', d.defaultDestinationRuleExportTo),
    enablePrometheusMerge: flag('enablePrometheusMerge', d.enablePrometheusMerge),
  };
  return found.length > 0 ? problems(found) : ok(settings);
}
