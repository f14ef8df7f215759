import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { parseMeshConfig, type MeshConfig } from '@lateen/config';
import { injectManifest, readInjectorConfig, type InjectionValues } from '@lateen/control/inject';
import { LateenError, formatProblem, type Result } from '@lateen/core';
import { resources, type ConfigMap } from '@lateen/kube';
import type { CommandContext, KubeOptions } from '../context.ts';
import { injectorConfigMap, meshConfigMap } from '../install/manifests/istiod.ts';
import { resolveInstall } from '../install/resolve-install.ts';
import { readManifests } from '../objects/manifests.ts';

interface Options extends KubeOptions {
  readonly filename: string;
  readonly output?: string;
  readonly namespace?: string;
  readonly istioNamespace: string;
  readonly meshConfigMapName: string;
  readonly injectConfigMapName: string;
}

/** `kube-inject -f FILE`: the manifest with the sidecar in every pod. */
export function kubeInjectCommand(context: CommandContext): Command {
  return new Command('kube-inject')
    .description(
      'Adds the sidecar to the pods of a manifest, with the settings of the installation in the cluster.',
    )
    .requiredOption('-f, --filename <file>', 'file, or - for standard input')
    .option('-o, --output <file>', 'where to write; default standard output')
    .option('-n, --namespace <name>', 'namespace of objects that name none')
    .option('-i, --istioNamespace <name>', "the control plane's namespace", 'istio-system')
    .option('--meshConfigMapName <name>', "ConfigMap with the mesh's settings", 'istio')
    .option(
      '--injectConfigMapName <name>',
      "ConfigMap with the injector's settings",
      'istio-sidecar-injector',
    )
    .option('--kubeconfig <file>', 'kubeconfig file')
    .option('--context <name>', "the kubeconfig's context")
    .addHelpText(
      'after',
      `\nExamples:\n  ${context.programName} kube-inject -f app.yaml | kubectl apply -f -\n  ${context.programName} kube-inject -f app.yaml -o app-injected.yaml`,
    )
    .action(async (options: Options) => {
      const objects = await readManifests([options.filename], context.stdin);
      const { mesh, values } = await settings(context, options);
      const namespace = options.namespace ?? (await context.namespace(options).catch(() => 'default'));
      const documents = objects.map((object) => {
        const injected = valueOf(
          injectManifest(object, namespace, mesh, values),
          `${object.kind} ${object.metadata.name}`,
        );
        if (injected.skipped !== undefined) {
          context.stderr.write(
            `${object.kind} ${object.metadata.name} is not injected: ${injected.skipped}\n`,
          );
        }
        return stringify(injected.object, { aliasDuplicateObjects: false });
      });
      const text = documents.join('---\n');
      if (options.output === undefined || options.output === '-') context.stdout.write(text);
      else await writeFile(options.output, text);
    });
}

function valueOf<T>(result: Result<T>, what: string): T {
  if (result.ok) return result.value;
  throw new LateenError(
    'cli.badInjection',
    result.problems.map((p) => `${what}: ${formatProblem(p)}`).join('\n'),
  );
}

/** The settings of the installation in the cluster; those of a new one where none can be asked. */
async function settings(
  context: CommandContext,
  options: Options,
): Promise<{ readonly mesh: MeshConfig; readonly values: InjectionValues }> {
  const [mesh, injector] = await fromCluster(context, options).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    context.stderr.write(`using the settings of a new installation: ${why}\n`);
    return fromDefaults();
  });
  return {
    mesh: valueOf(parseMeshConfig(mesh['mesh'] ?? ''), `ConfigMap ${options.meshConfigMapName}`),
    values: valueOf(readInjectorConfig(injector), `ConfigMap ${options.injectConfigMapName}`),
  };
}

type Data = Record<string, string>;

async function fromCluster(context: CommandContext, options: Options): Promise<[Data, Data]> {
  const client = await context.kube(options);
  try {
    const read = (name: string): Promise<ConfigMap> =>
      client.get<ConfigMap>(resources.configMaps, options.istioNamespace, name);
    const [mesh, injector] = await Promise.all([
      read(options.meshConfigMapName),
      read(options.injectConfigMapName),
    ]);
    return [mesh.data ?? {}, injector.data ?? {}];
  } finally {
    client.close();
  }
}

function fromDefaults(): [Data, Data] {
  const installation = resolveInstall({});
  return [meshConfigMap(installation).data, injectorConfigMap(installation).data];
}
