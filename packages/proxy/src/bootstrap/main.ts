import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import {
  LateenError,
  formatProblem,
  lineLogger,
  messageOf,
  systemClock,
  type Problem,
  type Result,
} from '@lateen/core';
import { LogLevels } from '../logging/log-levels.ts';
import { proxyVersion, envoyVersion } from '../version.ts';
import {
  decodeBootstrap,
  mergeJson,
  readBootstrap,
  type BootstrapOverrides,
  type ProxyBootstrap,
} from './bootstrap.ts';
import { hotRestartVersion } from '../hot-restart/messages.ts';
import { openLog } from '../logging/open-log.ts';
import { parseProxyOptions, proxyUsage, type ProxyOptions } from './options.ts';
import { runUntilStopped } from './run-until-stopped.ts';
import { RefusedBootstrap } from './refused-statics.ts';
import { serve } from './serve.ts';
import { keyFolder } from '../xds/private-folder.ts';
import { workerCount } from './worker-count.ts';

/** The program with Envoy's command line; `entry` is what workers run. Resolves to its exit code. */
export async function runEnvoy(
  args: readonly string[],
  write: (text: string) => void,
  entry: URL,
): Promise<number> {
  const parsed = parseProxyOptions(args);
  if (!parsed.ok) {
    throw new LateenError('EUSAGE', parsed.problems.map(formatProblem).join('; '), {
      hint: 'lateen-proxy --help lists the options',
    });
  }
  const options = parsed.value;
  if (options.help) {
    write(proxyUsage);
    return 0;
  }
  if (options.version) {
    write(
      `lateen-proxy version: ${proxyVersion} (Envoy API ${envoyVersion}, Node ${process.versions.node})\n`,
    );
    return 0;
  }
  if (options.hotRestartVersion) {
    write(`${hotRestartVersion}\n`);
    return 0;
  }
  const loaded = await loadBootstrap(options);
  if (!loaded.ok) {
    throw new RefusedBootstrap(loaded.problems);
  }
  if (options.mode === 'validate') {
    await validate(loaded.value, options);
    write(`configuration '${options.configPath ?? '--config-yaml'}' OK\n`);
    return 0;
  }
  const logLevels = new LogLevels(options.logLevel, options.componentLogLevels);
  const writeLog = openLog(options.logPath);
  const log = lineLogger({
    write: writeLog,
    level: (scope) => logLevels.level(scope),
    scope: 'main',
  });
  try {
    const serving = await serve({
      bootstrap: loaded.value,
      clock: systemClock,
      log,
      logLevels,
      drainTimeMs: options.drainTimeMs,
      drainStrategy: options.drainStrategy,
      terminationMs: Math.min(options.drainTimeMs, 5_000),
      lameDuckMs: 0,
      configPath: options.configPath,
      adminAddressPath: options.adminAddressPath,
      statePath: options.statePath,
      keyPath: keyFolder(options.statePath, log),
      workers: {
        concurrency: options.mode === 'serve' ? workerCount(options.concurrency, availableParallelism()) : 1,
        entry,
        agentSecrets: false,
      },
      writeLog,
      hotRestart: options.mode === 'serve' ? options.hotRestart : undefined,
    });
    if (options.mode === 'init_only') {
      await Promise.race([serving.ready, serving.stopped]);
      write('initialized\n');
      serving.stop();
      await serving.stopped;
      return 0;
    }
    return await runUntilStopped(serving, log);
  } catch (error) {
    throw error instanceof RefusedBootstrap ? await refusal(error.problems, options) : error;
  }
}

/** Compiles what the bootstrap holds; throws with everything that serving would refuse. */
async function validate(bootstrap: ProxyBootstrap, options: ProxyOptions): Promise<void> {
  const wrong = await (await import('./refused-statics.ts')).checkStatics(bootstrap);
  if (wrong.length > 0) throw await refusal(wrong, options);
}

/** With the place of each problem in the bootstrap's file. */
async function refusal(
  wrong: readonly Problem[],
  { configPath, configYaml }: ProxyOptions,
): Promise<RefusedBootstrap> {
  const { parseText } = await import('../config-text/located-text.ts');
  // What is merged from two texts has its place in none.
  const parsed =
    configPath === undefined || configYaml !== undefined
      ? undefined
      : parseText(read(configPath), configPath);
  return new RefusedBootstrap(parsed?.ok === true ? parsed.value.locate(wrong) : wrong);
}

async function loadBootstrap(options: ProxyOptions): Promise<Result<ProxyBootstrap>> {
  const overrides: BootstrapOverrides = {
    id: options.serviceNode,
    cluster: options.serviceCluster,
    zone: options.serviceZone,
    statTags: options.statTags,
  };
  const { configPath, configYaml } = options;
  if (configYaml === undefined) return readBootstrap(read(configPath ?? ''), configPath ?? '', overrides);
  const { parseText } = await import('../config-text/located-text.ts');
  const over = parseText(configYaml, '--config-yaml');
  if (!over.ok) return over;
  if (configPath === undefined) return decodeBootstrap(over.value.value, overrides);
  const base = parseText(read(configPath), configPath);
  if (!base.ok) return base;
  return decodeBootstrap(mergeJson(base.value.value, over.value.value), overrides);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new LateenError('EBOOTSTRAP', `the bootstrap cannot be read: ${messageOf(error)}`, {
      hint: '-c names a bootstrap of Envoy v3 in JSON or YAML',
      cause: error,
    });
  }
}
