import { ok, problem, problems, type Problem, type Result } from '@lateen/core';

/** Istio's ProxyConfig, as far as the agent uses it. */
export interface ProxyConfig {
  /** `host:port`; default istiod.istio-system.svc:15012. */
  readonly discoveryAddress: string;
  /** True where the control plane is called without TLS. */
  readonly plaintext: boolean;
  readonly serviceCluster: string | undefined;
  readonly adminPort: number;
  readonly statusPort: number;
  /** How long a listener that goes may take. */
  readonly drainDurationMs: number;
  /** How long the proxy may take to end. */
  readonly terminationDrainMs: number;
  readonly holdApplicationUntilProxyStarts: boolean;
  /** Threads that serve; 0: one a core. Undefined where it is not said. */
  readonly concurrency: number | undefined;
  /** The object as it came, for the node's metadata. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** What the command line says instead. */
export interface ProxyConfigOverrides {
  readonly discoveryAddress: string | undefined;
  readonly serviceCluster: string | undefined;
  readonly controlPlaneAuthPolicy: string | undefined;
  readonly statusPort: string | undefined;
  readonly adminPort: string | undefined;
  readonly drainDuration: string | undefined;
  readonly concurrency: string | undefined;
}

/** Reads `$PROXY_CONFIG`, JSON in one line. */
export function parseProxyConfig(text: string, overrides: ProxyConfigOverrides): Result<ProxyConfig> {
  let raw: unknown;
  try {
    raw = JSON.parse(text === '' ? '{}' : text);
  } catch (error) {
    return problem('$PROXY_CONFIG', `is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return problem('$PROXY_CONFIG', 'must be a JSON object');
  }
  const fields = raw as Readonly<Record<string, unknown>>;
  const wrong: Problem[] = [];
  const text_ = (name: string): string | undefined => {
    const value = fields[name];
    return typeof value === 'string' ? value : undefined;
  };
  const port = (name: string, override: string | undefined, fallback: number): number => {
    const value = Number(override ?? fields[name] ?? fallback);
    if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
    wrong.push({ path: `$PROXY_CONFIG ${name}`, message: `${String(fields[name])} is not a port` });
    return fallback;
  };
  const duration = (name: string, override: string | undefined, fallbackMs: number): number => {
    const given = override ?? fields[name];
    if (given === undefined) return fallbackMs;
    const value = typeof given === 'string' ? given : JSON.stringify(given);
    const ms = durationMs(value);
    if (ms !== undefined) return ms;
    wrong.push({
      path: `$PROXY_CONFIG ${name}`,
      message: `"${value}" is not a duration, as 5s or 1m0s`,
    });
    return fallbackMs;
  };
  const discoveryAddress =
    overrides.discoveryAddress ?? text_('discoveryAddress') ?? 'istiod.istio-system.svc:15012';
  if (!/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d+$/.test(discoveryAddress)) {
    wrong.push({ path: 'discoveryAddress', message: `"${discoveryAddress}" is not HOST:PORT` });
  }
  const policy = overrides.controlPlaneAuthPolicy ?? text_('controlPlaneAuthPolicy');
  const config: ProxyConfig = {
    discoveryAddress,
    plaintext: policy === 'NONE' || discoveryAddress.endsWith(':15010'),
    serviceCluster: overrides.serviceCluster ?? text_('serviceCluster'),
    adminPort: port('proxyAdminPort', overrides.adminPort, 15_000),
    statusPort: port('statusPort', overrides.statusPort, 15_020),
    drainDurationMs: duration('drainDuration', overrides.drainDuration, 45_000),
    terminationDrainMs: duration('terminationDrainDuration', undefined, 5_000),
    concurrency: concurrencyOf(overrides.concurrency ?? fields['concurrency'], wrong),
    holdApplicationUntilProxyStarts: fields['holdApplicationUntilProxyStarts'] === true,
    raw: fields,
  };
  return wrong.length > 0 ? problems(wrong) : ok(config);
}

function concurrencyOf(given: unknown, wrong: Problem[]): number | undefined {
  if (given === undefined) return undefined;
  const value = Number(given);
  if (given !== '' && Number.isInteger(value) && value >= 0 && value <= 64) return value;
  wrong.push({
    path: '$PROXY_CONFIG concurrency',
    message: `${JSON.stringify(given)} is not a whole number from 0 to 64`,
  });
  return undefined;
}

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** Reads `1h2m3.5s` as milliseconds; undefined where it is no duration. */
export function durationMs(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|h|m|s))+$/.test(text)) return undefined;
  let total = 0;
  for (const match of text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)) {
    total += Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0);
  }
  return total;
}
