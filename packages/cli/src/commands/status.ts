import { join } from 'node:path';
import { Command, Option } from 'commander';
import { stringify } from 'yaml';
import { runningCluster } from '@lateen/cluster';
import { formatMessage } from '@lateen/config';
import { kubeconfigClient } from '@lateen/kube';
import type { CommandContext } from '../context.ts';
import { readStatus, type ClusterStatus } from '../local/cluster-status.ts';
import { httpUrl } from '../local/ingress.ts';
import { alignColumns } from '../output/table.ts';

interface Options {
  readonly dataDir: string;
  readonly output?: 'json' | 'yaml';
}

/** `status`: what runs, where it answers, and what is not ready. Exit code 1 where no cluster runs. */
export function statusCommand(context: CommandContext): Command {
  return new Command('status')
    .description(
      'Shows the local cluster: addresses, deployments, pods, and what does not fit together in its configuration. Exit code 1 where none runs.',
    )
    .option('--data-dir <dir>', "the cluster's data directory", context.env.dataDir)
    .addOption(new Option('-o, --output <format>', 'for programs').choices(['json', 'yaml']))
    .addHelpText('after', "\nExample:\n  lateen status -o json | jq -r '.ingress.address'")
    .action(async ({ dataDir, output }: Options) => {
      const pid = runningCluster(dataDir);
      const status = pid === undefined ? undefined : await read(dataDir, pid);
      if (status === undefined) context.exit(1);
      if (output !== undefined) {
        const value = status ?? { running: false, dataDir };
        context.stdout.write(
          output === 'json' ? `${JSON.stringify(value, undefined, 2)}\n` : stringify(value),
        );
        return;
      }
      if (status === undefined) {
        context.stdout.write(
          `no cluster runs from ${dataDir}\n  start one with \`lateen up\` or \`lateen up --demo\`\n`,
        );
      } else context.stdout.write(describe(context, status));
    });
}

async function read(dataDir: string, pid: number): Promise<ClusterStatus> {
  const kubeconfig = join(dataDir, 'kubeconfig');
  const client = await kubeconfigClient(kubeconfig);
  try {
    return await readStatus(client, { pid, dataDir, kubeconfig });
  } finally {
    client.close();
  }
}

function describe(context: CommandContext, status: ClusterStatus): string {
  const { style } = context;
  const lines = [
    `${style.good('●')} running (process ${status.pid}), Kubernetes ${status.kubernetesVersion}`,
    `  API server     ${status.apiServer}`,
    `  kubeconfig     ${status.kubeconfig}`,
    ...(status.ingress === undefined ? [] : [`  ingress        ${style.link(httpUrl(status.ingress, '/'))}`]),
    '',
  ];
  for (const [port, answers] of Object.entries(status.ingress?.ports ?? {})) {
    if (Number(port) !== answers) lines.push(`  port ${port} of the ingress gateway answers at ${answers}`);
  }
  const mark = (good: boolean): string => (good ? style.good('✔') : style.warn('…'));
  const deployments = status.deployments.map((one) => [
    `${mark(one.ready >= one.wanted)} ${one.namespace}`,
    one.name,
    `${one.ready}/${one.wanted}`,
  ]);
  const waiting = status.pods
    .filter((pod) => !pod.isReady)
    .map((pod) => [`${style.warn('…')} ${pod.namespace}`, pod.name, pod.ready, pod.phase, pod.message ?? '']);
  lines.push(alignColumns(deployments));
  if (waiting.length > 0) lines.push('Pods that are not ready:', alignColumns(waiting));
  const problems = status.configuration.map(
    (message) => `${message.level === 'Error' ? style.bad('✘') : style.warn('!')} ${formatMessage(message)}`,
  );
  if (problems.length > 0) lines.push('Configuration that does not fit together:', ...problems);
  return `${lines.join('\n').trimEnd()}\n`;
}
