import { Command, Option } from 'commander';
import { istioVersion, kubernetesVersion, lateenVersion } from '@lateen/config';
import { resources, type Pod } from '@lateen/kube';
import { stringify } from 'yaml';
import type { CommandContext, KubeOptions } from '../context.ts';

interface Options extends KubeOptions {
  readonly output?: 'json' | 'yaml';
  readonly short?: boolean;
  readonly remote: boolean;
}

interface Versions {
  readonly clientVersion: { readonly version: string; readonly lateen: string; readonly kubernetes: string };
  readonly meshVersion?: readonly { readonly component: string; readonly version: string }[];
  readonly dataPlaneVersion?: readonly { readonly version: string; readonly proxies: number }[];
}

/** `version`: the client's, and those of what runs in the cluster. */
export function versionCommand(context: CommandContext): Command {
  return new Command('version')
    .description('Prints the version of the client, of the control plane and of the proxies.')
    .option('--no-remote', 'only the client')
    .option('-s, --short', 'in one line each')
    .addOption(new Option('-o, --output <format>', 'for programs').choices(['json', 'yaml']))
    .option('--kubeconfig <file>', 'kubeconfig file')
    .option('--context <name>', "the kubeconfig's context")
    .addHelpText('after', `\nExample:\n  ${context.programName} version -o json`)
    .action(async (options: Options) => {
      const versions = await collect(context, options);
      if (options.output !== undefined) {
        const text =
          options.output === 'json' ? `${JSON.stringify(versions, undefined, 2)}\n` : stringify(versions);
        context.stdout.write(text);
        return;
      }
      const { clientVersion, meshVersion, dataPlaneVersion } = versions;
      context.stdout.write(`client version: ${clientVersion.version} (lateen ${clientVersion.lateen})\n`);
      for (const { version } of meshVersion ?? [])
        context.stdout.write(`control plane version: ${version}\n`);
      for (const { version, proxies } of dataPlaneVersion ?? []) {
        context.stdout.write(
          `data plane version: ${version} (${proxies} ${proxies === 1 ? 'proxy' : 'proxies'})\n`,
        );
      }
    });
}

async function collect(context: CommandContext, options: Options): Promise<Versions> {
  const clientVersion = {
    version: istioVersion,
    lateen: lateenVersion,
    kubernetes: kubernetesVersion.gitVersion,
  };
  if (!options.remote) return { clientVersion };
  try {
    const client = await context.kube(options);
    const { items } = await client.list<Pod>(resources.pods);
    client.close();
    const tags = (image: string): string[] =>
      items
        .flatMap((pod) => [
          ...pod.spec.containers,
          ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
        ])
        .filter((container) => container.image?.includes(`/${image}:`))
        .map((container) => container.image?.split(':').at(-1) ?? '');
    const proxies = new Map<string, number>();
    for (const tag of tags('proxyv2')) proxies.set(tag, (proxies.get(tag) ?? 0) + 1);
    return {
      clientVersion,
      meshVersion: [...new Set(tags('pilot'))].map((version) => ({ component: 'pilot', version })),
      dataPlaneVersion: [...proxies].map(([version, count]) => ({ version, proxies: count })),
    };
  } catch (error) {
    context.stderr.write(`no cluster was asked: ${error instanceof Error ? error.message : String(error)}\n`);
    return { clientVersion };
  }
}
