import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { LateenError, formatProblem, lineLogger, messageOf, systemClock } from '@lateen/core';
import { LogLevels } from '../logging/log-levels.ts';
import { decodeBootstrap, formatProblems } from '../bootstrap/bootstrap.ts';
import { openLog } from '../logging/open-log.ts';
import { keyFolder } from '../xds/private-folder.ts';
import { runUntilStopped } from '../bootstrap/run-until-stopped.ts';
import { serve } from '../bootstrap/serve.ts';
import { workerCount } from '../bootstrap/worker-count.ts';
import { helpLines } from '../command-line/options.ts';
import type { EnvSource } from '../env.ts';
import { agentOptionSpecs, parseAgentConfig } from './agent-config.ts';
import { bootstrapJson } from './bootstrap-json.ts';
import { isOwnSecret, ownSecrets, type OwnSecrets } from './certificate/own-secrets.ts';
import { mergedMetrics } from './merged-metrics.ts';
import { startStatusServer } from './status-server.ts';
import { tokenMetadata } from './token.ts';

const usage = `pilot-agent proxy sidecar|router [options]

Runs the proxy of a workload (sidecar) or a gateway (router): writes its bootstrap, gets its certificate, and
serves. Told by its environment as Istio's agent is: POD_NAME, POD_NAMESPACE, INSTANCE_IP, SERVICE_ACCOUNT,
PROXY_CONFIG, CA_ADDR, ISTIO_META_*.

${helpLines(agentOptionSpecs)}

Examples:
  pilot-agent proxy sidecar --domain default.svc.cluster.local --proxyLogLevel=warning
  pilot-agent proxy router --log_output_level=default:info,xds:debug
`;

/** Where Istio's agent leaves the bootstrap. */
const configFolder = '/etc/istio/proxy';

/** The program `pilot-agent proxy`; resolves to its exit code. */
export async function runAgent(
  args: readonly string[],
  env: EnvSource,
  write: (text: string) => void,
  entry: URL,
): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    write(usage);
    return 0;
  }
  const parsed = parseAgentConfig(args, env, { read: readIfThere, hasFolder: existsSync });
  if (!parsed.ok) {
    throw new LateenError('EUSAGE', `pilot-agent proxy: ${parsed.problems.map(formatProblem).join('; ')}`, {
      hint: 'pilot-agent proxy --help lists the options',
    });
  }
  const config = parsed.value;
  const logLevels = new LogLevels(config.logLevel, config.logLevels);
  const writeLog = openLog(undefined);
  const log = lineLogger({
    write: writeLog,
    level: (scope) => logLevels.level(scope),
    scope: 'agent',
  });
  const json = bootstrapJson(config);
  const configPath = writeBootstrap(json);
  const decoded = decodeBootstrap(json);
  if (!decoded.ok) {
    throw new LateenError('EBOOTSTRAP', `the bootstrap is refused:\n  ${formatProblems(decoded.problems)}`);
  }
  log.info(`starting as ${decoded.value.node.id ?? ''}`, { discovery: config.proxyConfig.discoveryAddress });

  const keyPath = keyFolder(config.keyPath, log);
  const wanted = Promise.withResolvers<OwnSecrets>();
  const serving = await serve({
    bootstrap: decoded.value,
    clock: systemClock,
    log,
    logLevels,
    drainTimeMs: config.proxyConfig.drainDurationMs,
    // As Istio's agent starts Envoy.
    drainStrategy: 'immediate',
    terminationMs: config.drain.maxMs,
    lameDuckMs: config.drain.lameDuckMs,
    configPath,
    adminAddressPath: undefined,
    statePath: config.statePath,
    keyPath,
    workers: {
      concurrency: workerCount(config.proxyConfig.concurrency, availableParallelism()),
      entry,
      agentSecrets: true,
    },
    writeLog,
    xdsMetadata: () => tokenMetadata(config.tokenPath),
    isLocalSecret: isOwnSecret,
    onLocalSecretWanted: (names) => void wanted.promise.then((secrets) => secrets.want(names)),
  });
  const { proxy } = serving;
  const secrets = ownSecrets({ config, keyPath, proxy, clock: systemClock, log: log.scope('certificate') });
  wanted.resolve(secrets);
  const status = await startStatusServer({
    port: config.proxyConfig.statusPort,
    log: log.scope('status'),
    appProbers: config.appProbers,
    missing: () =>
      serving.state() === 'DRAINING'
        ? ['the proxy is draining']
        : [...proxy.firstUpdates.missing, ...proxy.warming.missing],
    metrics: mergedMetrics(() => serving.stats(), config.prometheusAnnotations),
    quit: () => serving.stop(),
    drain: () => serving.fleet.startDraining(),
  });
  const code = await runUntilStopped(serving, log);
  secrets.close();
  await status.close();
  return code;
}

/** Leaves the bootstrap where people look for it; a read-only folder does not stop the proxy. */
function writeBootstrap(json: unknown): string {
  const path = join(configFolder, 'envoy-rev0.json');
  const text = `${JSON.stringify(json, null, 2)}\n`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    writeFileSync(join(configFolder, 'envoy-rev.json'), text);
  } catch (error) {
    process.stderr.write(`the bootstrap is not written: ${messageOf(error)}\n`);
  }
  return path;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
