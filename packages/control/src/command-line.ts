import { parseArgs } from 'node:util';
import { istioVersion } from '@lateen/config';
import { LateenError, logLevels, messageOf, type LogLevel } from '@lateen/core';

/** What `discovery` was asked to do. */
export interface DiscoveryOptions {
  /** Ports; 0 takes any free one, -1 switches it off. */
  readonly ports: {
    readonly xds: number;
    readonly secureXds: number;
    readonly monitoring: number;
    readonly webhooks: number;
    readonly health: number;
  };
  /** Address to listen on; undefined for all. */
  readonly host: string | undefined;
  readonly domain: string;
  /** File to reach the API server by; undefined for the pod's own service account, else the usual file. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly logLevel: LogLevel;
  /** Clients are asked to reconnect after so long. */
  readonly maxConnectionAgeMs: number;
}

export type CommandLine =
  | { readonly command: 'discovery'; readonly options: DiscoveryOptions }
  | { readonly command: 'print'; readonly text: string };

const help = `Lateen's control plane, under the name and with the options of Istio's pilot-discovery.

Usage:
  lateen-control discovery [options]
  lateen-control version

Options:
  --domain DOMAIN                domain of the cluster (cluster.local)
  --grpcAddr [HOST]:PORT         xDS in plain text (:15010)
  --secureGRPCAddr [HOST]:PORT   xDS and certificates over TLS (:15012)
  --monitoringAddr [HOST]:PORT   metrics and debug pages (:15014)
  --httpsAddr [HOST]:PORT        webhooks (:15017)
  --httpAddr [HOST]:PORT         readiness (:8080)
  --kubeconfig FILE              API server to follow (default: the pod's own)
  --context NAME                 context in that file
  --log_output_level LEVEL       default:info, debug, warn, error, none
  --keepaliveMaxServerConnectionAge DURATION
                                 proxies reconnect after so long (30m)
  -h, --help                     show this

Examples:
  lateen-control discovery --kubeconfig ~/.lateen/kubeconfig
  lateen-control discovery --grpcAddr 127.0.0.1:0 --log_output_level debug
`;

const flags = {
  domain: { type: 'string', default: 'cluster.local' },
  grpcAddr: { type: 'string', default: ':15010' },
  secureGRPCAddr: { type: 'string', default: ':15012' },
  monitoringAddr: { type: 'string', default: ':15014' },
  httpsAddr: { type: 'string', default: ':15017' },
  httpAddr: { type: 'string', default: ':8080' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  log_output_level: { type: 'string', default: 'default:info' },
  keepaliveMaxServerConnectionAge: { type: 'string', default: '30m' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Options of Istio's that have no meaning here; scripts that pass them go on working. */
const tolerated = new Set([
  'keepaliveInterval',
  'keepaliveTimeout',
  'caCertFile',
  'clusterAliases',
  'clusterID',
  'clusterRegistriesNamespace',
  'ctrlz_address',
  'ctrlz_port',
  'log_as_json',
  'log_caller',
  'log_rotate',
  'log_stacktrace_level',
  'log_target',
  'meshConfig',
  'networksConfig',
  'namespace',
  'plugins',
  'profile',
  'registries',
  'resync',
  'shutdownDuration',
  'tls-cipher-suites',
  'tlsCertFile',
  'tlsKeyFile',
  'vklog',
]);

function usage(message: string): LateenError {
  return new LateenError('control.usage', message, { hint: 'lateen-control --help' });
}

function address(name: string, text: string): { readonly host: string | undefined; readonly port: number } {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon === -1 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw usage(`--${name} must be [HOST]:PORT, not "${text}"`);
  }
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host: host === '' ? undefined : host, port };
}

/** `default:info`, `ads:debug,default:warn`, `debug`: the level of the default scope. */
function level(text: string): LogLevel {
  const parts = text.split(',').map((part) => part.split(':'));
  const chosen = parts.find((part) => part.length === 1 || part[0] === 'default' || part[0] === 'all');
  const name = chosen?.at(-1) ?? 'info';
  if (name === 'none') return 'off';
  if (name === 'fatal') return 'error';
  const known = logLevels.find((candidate) => candidate === name);
  if (known === undefined) throw usage(`--log_output_level knows no level "${name}"`);
  return known;
}

function milliseconds(name: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.replace(/(?<=\d[mh])0[ms](0s)?$/, ''));
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? ''];
  if (match === null || unit === undefined)
    throw usage(`--${name} must be a duration such as 30m, not "${text}"`);
  return Number(match[1]) * unit;
}

/** Reads the command line; throws a LateenError of code `control.usage` where it is wrong. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const [command, ...rest] = args;
  if (command === undefined || command === '--help' || command === '-h' || command === 'help') {
    return { command: 'print', text: help };
  }
  if (command === 'version' || command === '--version') {
    return { command: 'print', text: `${istioVersion}-lateen\n` };
  }
  if (command !== 'discovery') throw usage(`there is no command "${command}"`);
  const known = withoutTolerated(rest);
  let values;
  try {
    ({ values } = parseArgs({ args: known, options: flags, strict: true, allowPositionals: false }));
  } catch (error) {
    throw usage(messageOf(error));
  }
  if (values.help) return { command: 'print', text: help };
  const xds = address('grpcAddr', values.grpcAddr);
  return {
    command: 'discovery',
    options: {
      ports: {
        xds: xds.port,
        secureXds: address('secureGRPCAddr', values.secureGRPCAddr).port,
        monitoring: address('monitoringAddr', values.monitoringAddr).port,
        webhooks: address('httpsAddr', values.httpsAddr).port,
        health: address('httpAddr', values.httpAddr).port,
      },
      host: xds.host,
      domain: values.domain,
      kubeconfig: values.kubeconfig,
      context: values.context,
      logLevel: level(values.log_output_level),
      maxConnectionAgeMs: milliseconds(
        'keepaliveMaxServerConnectionAge',
        values.keepaliveMaxServerConnectionAge,
      ),
    },
  };
}

function withoutTolerated(args: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    const name = /^--([^=]+)/.exec(arg)?.[1];
    if (name === undefined || !tolerated.has(name)) kept.push(arg);
    else if (!arg.includes('=') && !(args[i + 1] ?? '--').startsWith('--')) i++;
  }
  return kept;
}
