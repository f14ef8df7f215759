import { ok, problems, type LogLevel, type Problem, type Result } from '@lateen/core';
import { parseScopeLevels } from '../bootstrap/options.ts';
import { parseOptions, type OptionSpec } from '../command-line/options.ts';
import type { EnvSource } from '../env.ts';
import { hostAddress } from '../wire/host-address.ts';
import { parsePodInfo } from './pod-info.ts';
import { durationMs, parseProxyConfig, type ProxyConfig } from './proxy-config.ts';

/** Everything that the agent of a sidecar or a gateway is told: by its command line, its environment and its mounts. */
export interface AgentConfig {
  readonly role: 'sidecar' | 'router';
  readonly domain: string;
  readonly podName: string;
  readonly namespace: string;
  readonly instanceIp: string;
  readonly serviceAccount: string;
  readonly trustDomain: string;
  readonly proxyConfig: ProxyConfig;
  readonly caAddress: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** From `ISTIO_META_*` and `ISTIO_METAJSON_*`. */
  readonly extraMetadata: Readonly<Record<string, unknown>>;
  /** Probes of the application that the kubelet sends to the agent; the JSON as it came. */
  readonly appProbers: string | undefined;
  /** Where the application's own metrics are, to be merged; the JSON as it came. */
  readonly prometheusAnnotations: string | undefined;
  /** How the end is awaited: `$EXIT_ON_ZERO_ACTIVE_CONNECTIONS` waits for the last connection, however long. */
  readonly drain: { readonly lameDuckMs: number; readonly maxMs: number };
  /** The life that a workload's certificate is asked for: `$SECRET_TTL`, default a day. */
  readonly certificateTtlMs: number;
  readonly logLevel: LogLevel;
  readonly logLevels: ReadonlyMap<string, LogLevel>;
  /** Root that the control plane's certificate is verified with. */
  readonly rootCertPath: string;
  readonly tokenPath: string;
  /** Where accepted resources are kept for the next start; undefined: they are not. */
  readonly statePath: string | undefined;
  /** Where keys are kept for the next start, if it is in memory; undefined: nowhere. */
  readonly keyPath: string | undefined;
}

/** Files that a pod has mounted, by Istio's convention. */
export interface AgentFiles {
  /** The text of a file; undefined where there is none. */
  read(path: string): string | undefined;
  hasFolder(path: string): boolean;
}

const string = (name: string): OptionSpec => ({ name, value: 'VALUE', help: '', hidden: true });

export const agentOptionSpecs: readonly OptionSpec[] = [
  {
    name: 'domain',
    value: 'DOMAIN',
    help: 'DNS domain of the services (default NAMESPACE.svc.cluster.local).',
  },
  {
    name: 'serviceCluster',
    value: 'NAME',
    help: 'Name of the workload in traces (default from its labels).',
  },
  { name: 'discoveryAddress', value: 'HOST:PORT', help: 'The control plane; over the one in $PROXY_CONFIG.' },
  { name: 'proxyLogLevel', value: 'LEVEL', help: 'Level of the data path: trace to off (default warning).' },
  { name: 'proxyComponentLogLevel', value: 'LIST', help: 'Levels of its parts, as http:debug.' },
  { name: 'log_output_level', value: 'LIST', help: 'Levels of the agent, as default:info,xds:debug.' },
  {
    name: 'drainDuration',
    value: 'DURATION',
    help: 'How long connections may take to end when their listener goes.',
  },
  { name: 'concurrency', value: 'N', help: 'Threads that serve; 0 is one a core (default 1).' },
  { name: 'trust-domain', value: 'DOMAIN', help: 'Domain of SPIFFE identities (default cluster.local).' },
  { name: 'help', short: 'h', help: 'Print this text.' },
  // What earlier releases passed, and what has no meaning here.
  ...[
    'applicationPorts',
    'availabilityZone',
    'binaryPath',
    'bootstrapv2',
    'configPath',
    'connectTimeout',
    'controlPlaneAuthPolicy',
    'customConfigFile',
    'discoveryRefreshDelay',
    'envoyMetricsService',
    'id',
    'ip',
    'lightstepAccessToken',
    'lightstepAddress',
    'log_caller',
    'log_rotate',
    'log_stacktrace_level',
    'log_target',
    'meshConfig',
    'mixerIdentity',
    'outlierLogPath',
    'parentShutdownDuration',
    'proxyAdminPort',
    'serviceregistry',
    'statsdUdpAddress',
    'statusPort',
    'stsPort',
    'templateFile',
    'tokenManagerPlugin',
    'zipkinAddress',
  ].map(string),
  { name: 'log_as_json', help: '', hidden: true },
  { name: 'disableInternalTelemetry', help: '', hidden: true },
];

/** Reads what the agent is told; all problems at once. */
export function parseAgentConfig(
  args: readonly string[],
  env: EnvSource,
  files: AgentFiles,
): Result<AgentConfig> {
  const parsed = parseOptions(args, agentOptionSpecs);
  if (!parsed.ok) return parsed;
  const options = parsed.value;
  const wrong: Problem[] = [];
  const [role = 'sidecar', ...more] = options.words;
  if (role !== 'sidecar' && role !== 'router') {
    wrong.push({ path: 'proxy', message: `"${role}" is neither sidecar nor router` });
  }
  for (const word of more) wrong.push({ path: word, message: 'is not an option' });

  const proxyConfig = parseProxyConfig(env['PROXY_CONFIG'] ?? '{}', {
    discoveryAddress: options.value('discoveryAddress'),
    serviceCluster: options.value('serviceCluster'),
    controlPlaneAuthPolicy: options.value('controlPlaneAuthPolicy'),
    statusPort: options.value('statusPort'),
    adminPort: options.value('proxyAdminPort'),
    drainDuration: options.value('drainDuration'),
    concurrency: options.value('concurrency'),
  });
  if (!proxyConfig.ok) wrong.push(...proxyConfig.problems);
  // The data path of Istio is quiet by default; the agent is not.
  const dataPath = parseScopeLevels(
    '--proxyLogLevel',
    `default:${options.value('proxyLogLevel') ?? 'warning'}`,
  );
  const parts = parseScopeLevels('--proxyComponentLogLevel', options.value('proxyComponentLogLevel') ?? '');
  const agent = parseScopeLevels('--log_output_level', options.value('log_output_level') ?? 'default:info');
  for (const result of [dataPath, parts, agent]) if (!result.ok) wrong.push(...result.problems);

  const namespace = env['POD_NAMESPACE'] ?? 'default';
  const domain = (options.value('domain') ?? `${namespace}.svc.cluster.local`).replace(
    '$(POD_NAMESPACE)',
    namespace,
  );
  const extra = metadataFromEnv(env);
  if (!extra.ok) wrong.push(...extra.problems);
  const certificateTtlMs = durationMs(nonEmpty(env['SECRET_TTL']) ?? '24h');
  if (certificateTtlMs === undefined || certificateTtlMs < 1_000) {
    wrong.push({ path: '$SECRET_TTL', message: 'must be a duration of at least 1s, such as 24h' });
  }
  if (
    wrong.length > 0 ||
    certificateTtlMs === undefined ||
    !proxyConfig.ok ||
    !agent.ok ||
    !parts.ok ||
    !extra.ok
  )
    return problems(wrong);
  return ok({
    role: role as AgentConfig['role'],
    domain,
    podName: env['POD_NAME'] ?? env['HOSTNAME'] ?? 'unknown',
    namespace,
    instanceIp: nonEmpty(env['INSTANCE_IP']) ?? hostAddress(),
    serviceAccount: env['SERVICE_ACCOUNT'] ?? 'default',
    trustDomain: options.value('trust-domain') ?? env['TRUST_DOMAIN'] ?? 'cluster.local',
    proxyConfig: proxyConfig.value,
    caAddress: nonEmpty(env['CA_ADDR']) ?? proxyConfig.value.discoveryAddress,
    labels: parsePodInfo(files.read('/etc/istio/pod/labels') ?? ''),
    annotations: parsePodInfo(files.read('/etc/istio/pod/annotations') ?? ''),
    extraMetadata: extra.value,
    appProbers: nonEmpty(env['ISTIO_KUBE_APP_PROBERS']),
    prometheusAnnotations: nonEmpty(env['ISTIO_PROMETHEUS_ANNOTATIONS']),
    drain: drainOf(env, proxyConfig.value),
    certificateTtlMs,
    logLevel: agent.value.get('default') ?? 'info',
    logLevels: new Map([...parts.value, ...agent.value]),
    rootCertPath: env['XDS_ROOT_CA'] ?? '/var/run/secrets/istio/root-cert.pem',
    tokenPath: '/var/run/secrets/tokens/istio-token',
    statePath: statePathOf(env, files),
    keyPath: keyPathOf(env, files),
  });
}

/** New connections are taken for so long after the signal, until others have heard of it. */
const lameDuckMs = 500;

function drainOf(env: EnvSource, proxyConfig: ProxyConfig): AgentConfig['drain'] {
  if (env['EXIT_ON_ZERO_ACTIVE_CONNECTIONS'] !== 'true') {
    return { lameDuckMs, maxMs: proxyConfig.terminationDrainMs };
  }
  return { lameDuckMs: durationMs(env['MINIMUM_DRAIN_DURATION'] ?? '5s') ?? 5_000, maxMs: 86_400_000 };
}

/** The volume that Istio's templates give the agent for its own data; it outlives the container. */
const dataVolume = '/var/lib/istio/data';

/** `$LATEEN_STATE_PATH`, empty for none; default: a folder of the pod's own volume, where it has one. */
function statePathOf(env: EnvSource, files: AgentFiles): string | undefined {
  const wanted = env['LATEEN_STATE_PATH'];
  if (wanted !== undefined) return nonEmpty(wanted);
  return files.hasFolder(dataVolume) ? `${dataVolume}/xds` : undefined;
}

/** The volume in memory that Istio's templates give the agent for the bootstrap; it outlives the container too. */
const memoryVolume = '/etc/istio/proxy';

/** A folder of that volume where there is one, else that of the resources; which of them keys may be in is seen when it is used. */
function keyPathOf(env: EnvSource, files: AgentFiles): string | undefined {
  const statePath = statePathOf(env, files);
  return statePath !== undefined && files.hasFolder(memoryVolume) ? `${memoryVolume}/keys` : statePath;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function metadataFromEnv(env: EnvSource): Result<Readonly<Record<string, unknown>>> {
  const metadata: Record<string, unknown> = {};
  const wrong: Problem[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (name.startsWith('ISTIO_METAJSON_')) {
      try {
        const parsed = JSON.parse(value) as unknown;
        if (typeof parsed === 'object' && parsed !== null) Object.assign(metadata, parsed);
      } catch {
        wrong.push({ path: name, message: 'must be a JSON object' });
      }
    } else if (name.startsWith('ISTIO_META_')) metadata[name.slice('ISTIO_META_'.length)] = value;
  }
  return wrong.length > 0 ? problems(wrong) : ok(metadata);
}
