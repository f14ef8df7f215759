import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { LateenError } from '@lateen/core';
import type { CommandContext } from '../context.ts';
import { bringUp, type UpOptions } from '../local/bring-up.ts';
import { startDetached, reportToParent } from '../local/detached.ts';
import { farewell, type FarewellOptions } from '../local/next-steps.ts';
import { createProgress } from '../output/progress.ts';

interface Options {
  readonly demo?: boolean;
  readonly clusterOnly?: boolean;
  readonly detach?: boolean;
  readonly dataDir: string;
  readonly profile?: string;
  readonly logLevel: UpOptions['logLevel'];
  readonly allowHostPath?: boolean;
}

/** `up`: a cluster, the mesh in it, and with `--demo` Bookinfo in the mesh. */
export function upCommand(context: CommandContext): Command {
  return new Command('up')
    .description('Starts a local Kubernetes-compatible cluster with the mesh installed, until Ctrl-C.')
    .option('--demo', 'also deploy Bookinfo behind the ingress gateway')
    .option('--cluster-only', 'no mesh: `istioctl install` can then be tried as on any cluster')
    .option('-d, --detach', 'return when it is ready and let it run; `lateen down` stops it')
    .option('--data-dir <dir>', 'where everything is kept', context.env.dataDir)
    .addOption(
      new Option(
        '--profile <name>',
        'what to install; where left out what was installed at the last time, at first default',
      ).choices(['default', 'demo', 'minimal']),
    )
    .addOption(
      new Option('--log-level <level>', "of the cluster's own log")
        .choices(['error', 'warn', 'info', 'debug'])
        .default('info'),
    )
    .option('--allow-host-path', 'let pods mount directories of this machine (hostPath volumes)')
    .addHelpText(
      'after',
      '\nExamples:\n  lateen up --demo\n  lateen up --cluster-only --detach --data-dir /tmp/mesh',
    )
    .action(async (options: Options) => {
      if (options.demo === true && options.clusterOnly === true) {
        throw new LateenError('cli.contradiction', '--demo needs the mesh that --cluster-only leaves out');
      }
      const up: UpOptions = {
        dataDir: resolve(options.dataDir),
        demo: options.demo ?? false,
        clusterOnly: options.clusterOnly ?? false,
        profile: options.profile,
        logLevel: options.logLevel,
        allowHostPath: options.allowHostPath ?? false,
      };
      if (options.detach === true) {
        const facts = await startDetached(context, up, createProgress(context.stdout, context.clock));
        context.stdout.write(farewell(facts, farewellOptions(context, up, true)));
        return;
      }
      await stayUp(context, up);
    });
}

function farewellOptions(
  context: CommandContext,
  { dataDir }: UpOptions,
  detached: boolean,
): FarewellOptions {
  const { style, env, installationDir } = context;
  return { style, detached, dataDir, path: env.path, installationDir };
}

/** Runs the cluster until a signal comes or it ends by itself. */
async function stayUp(context: CommandContext, options: UpOptions): Promise<void> {
  const parent = reportToParent();
  const progress = parent?.progress ?? createProgress(context.stdout, context.clock);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  try {
    const running = await bringUp(context, options, progress, stop.signal);
    if (parent !== undefined) parent.ready(running.facts);
    else {
      context.stdout.write(farewell(running.facts, farewellOptions(context, options, false)));
    }
    const ended = await running.ended;
    if (ended !== undefined) throw ended;
  } catch (error) {
    if (stop.signal.aborted) return;
    parent?.failed(error);
    throw error;
  }
}
