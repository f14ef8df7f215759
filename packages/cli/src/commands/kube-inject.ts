import { readFile, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import {
  formatManifest,
  locateProblems,
  parseMeshConfig,
  type ManifestDocument,
  type MeshConfig,
} from '@lateen/config';
import { injectManifest, readInjectorConfig, type InjectionValues } from '@lateen/control/inject';
import { LateenError, formatProblem, messageOf, type Result } from '@lateen/core';
import { resources, type ConfigMap } from '@lateen/kube';
import type { CommandContext, KubeOptions } from '../context.ts';
import { injectorConfigMap, meshConfigMap } from '../install/manifests/istiod.ts';
import { resolveInstall } from '../install/resolve-install.ts';
import { readDocuments } from '../objects/manifests.ts';

interface Options extends KubeOptions {
  readonly filename: string;
  readonly output?: string;
  readonly namespace?: string;
  readonly istioNamespace: string;
  readonly meshConfigMapName: string;
  readonly injectConfigMapName: string;
  readonly meshConfigFile?: string;
  readonly injectConfigFile?: string;
  readonly valuesFile?: string;
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
    .option('--meshConfigFile <file>', "file with the mesh's settings, in place of the ConfigMap")
    .option('--injectConfigFile <file>', "file with the injector's settings, in place of the ConfigMap")
    .option('--valuesFile <file>', "file with the installation's values, in place of the ConfigMap")
    .option('--kubeconfig <file>', 'kubeconfig file')
    .option('--context <name>', "the kubeconfig's context")
    .addHelpText(
      'after',
      `\nExamples:\n  ${context.programName} kube-inject -f app.yaml | kubectl apply -f -\n  ${context.programName} kube-inject -f app.yaml -o app-injected.yaml`,
    )
    .action(async (options: Options) => {
      const documents = await readDocuments([options.filename], context.stdin);
      const { mesh, values } = await settings(context, options);
      const namespace = options.namespace ?? (await context.namespace(options).catch(() => 'default'));
      const inject = (document: ManifestDocument): string => {
        const injected = injectManifest(document.object, namespace, mesh, values);
        if (!injected.ok) {
          const places = locateProblems(document, injected.problems);
          throw new LateenError('cli.badInjection', places.map(formatProblem).join('\n'));
        }
        const { object, skipped } = injected.value;
        if (skipped !== undefined) {
          context.stderr.write(`${nameOf(document.object)} is not injected: ${skipped}\n`);
        }
        // What has no pods is passed on as it was written.
        return object === document.object && document.source !== undefined
          ? document.source
          : formatManifest(object);
      };
      const text = documents.map(inject).join('---\n');
      if (options.output === undefined || options.output === '-') context.stdout.write(text);
      else await writeFile(options.output, text);
    });
}

function nameOf(object: Record<string, unknown>): string {
  const { kind, metadata } = object as {
    readonly kind?: string;
    readonly metadata?: { readonly name?: string };
  };
  return `${kind ?? 'object'} ${metadata?.name ?? ''}`;
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
  const { meshConfigFile, injectConfigFile, valuesFile } = options;
  const [mesh, injector] =
    meshConfigFile !== undefined && injectConfigFile !== undefined && valuesFile !== undefined
      ? [{}, {}]
      : await fromCluster(context, options).catch((error: unknown) => {
          context.stderr.write(`using the settings of a new installation: ${messageOf(error)}\n`);
          return fromDefaults();
        });
  const given = async (file: string | undefined, present: string | undefined): Promise<string> =>
    file === undefined ? (present ?? '') : readFile(file, 'utf8');
  return {
    mesh: valueOf(
      parseMeshConfig(await given(meshConfigFile, mesh['mesh'])),
      meshConfigFile ?? `ConfigMap ${options.meshConfigMapName}`,
    ),
    values: valueOf(
      readInjectorConfig({
        config: await given(injectConfigFile, injector['config']),
        values: await given(valuesFile, injector['values']),
      }),
      injectConfigFile ?? valuesFile ?? `ConfigMap ${options.injectConfigMapName}`,
    ),
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
