import { Command, InvalidArgumentError, Option } from 'commander';
import {
  analyze,
  formatManifest,
  formatMessage,
  isObject,
  messageCodes,
  type ManifestDocument,
  type Message,
  type MessageLevel,
} from '@lateen/config';
import { LateenError } from '@lateen/core';
import type { CommandContext, KubeOptions } from '../context.ts';
import { patchMessages } from '../envoy-filter/patch-messages.ts';
import { collectMesh, overlay, type MeshObject } from '../objects/collect-mesh.ts';
import { readDocuments } from '../objects/manifests.ts';

interface Options extends KubeOptions {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly useKube: boolean;
  readonly output: 'log' | 'json' | 'yaml';
  readonly failureThreshold: MessageLevel;
  readonly outputThreshold: MessageLevel;
  readonly suppress: readonly string[];
  readonly listAnalyzers?: boolean;
}

const levels: readonly MessageLevel[] = ['Info', 'Warning', 'Error'];
/** What istioctl exits with where it found something. */
const exitFound = 79;

/** `analyze`: what does not fit together, in files, in a cluster, or in a cluster with files applied. */
export function analyzeCommand(context: CommandContext): Command {
  const { programName } = context;
  return new Command('analyze')
    .description('Looks for configuration that is valid but does not fit together.')
    .argument(
      '[files...]',
      'files or folders that are looked at as if they were applied; - for standard input',
    )
    .option('-n, --namespace <name>', "namespace; default the kubeconfig's")
    .option('-A, --all-namespaces', 'every namespace')
    .option(
      '-k, --use-kube [whether]',
      'look at the cluster, too; with =false at the files alone',
      (text) => text !== 'false',
      true,
    )
    .addOption(
      levelOption(
        '--failure-threshold <level>',
        'exits with 79 where a message is at least this grave',
        'Error',
      ),
    )
    .addOption(levelOption('--output-threshold <level>', 'leaves out what is less grave', 'Info'))
    .option('-S, --suppress <code=object>', 'leaves out a message, as in "IST0103=Pod *.default"', append, [])
    .option('-L, --list-analyzers', 'says which messages there are')
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['log', 'json', 'yaml']).default('log'),
    )
    .option('--kubeconfig <file>', 'kubeconfig file')
    .option('--context <name>', "the kubeconfig's context")
    .addHelpText(
      'after',
      `\nExamples:\n  ${programName} analyze\n  ${programName} analyze -A -o json\n  ${programName} analyze --use-kube=false samples/bookinfo/networking\n  ${programName} analyze my-route.yaml -S "IST0118=Service *.default"`,
    )
    .action(async (files: readonly string[], options: Options) => {
      if (options.listAnalyzers === true) {
        for (const [code, { name, level }] of Object.entries(messageCodes)) {
          context.stdout.write(`${code}  ${level.padEnd(7)}  ${name}\n`);
        }
        return;
      }
      if (files.length === 0 && !options.useKube) {
        throw new LateenError('cli.nothingToAnalyze', 'name files to look at, or leave out --use-kube=false');
      }
      const namespace =
        options.namespace ??
        (options.useKube ? await context.namespace(options).catch(() => 'default') : 'default');
      const documents = files.length === 0 ? [] : await readDocuments(files, context.stdin);
      const present = options.useKube ? await fromCluster(context, options) : [];
      const written = documents.map(({ object }) => object);
      const objects = overlay(present, written, namespace);
      const found = analyze(objects, { complete: options.useKube, defaultNamespace: namespace });
      const all = [...found, ...(await patchMessages(objects, namespace))].map((message) =>
        located(message, documents, namespace),
      );
      const everywhere = options.allNamespaces === true || !options.useKube;
      const shown = all.filter(
        (message) =>
          (everywhere || isIn(message, namespace)) &&
          atLeast(message.level, options.outputThreshold) &&
          !options.suppress.some((rule) => suppresses(rule, message)),
      );
      print(context, shown, options.output, everywhere ? 'all namespaces' : `namespace: ${namespace}`);
      if (shown.some(({ level }) => atLeast(level, options.failureThreshold))) context.exit(exitFound);
    });
}

/** The message with the place of its field, where its object is of a file. */
function located(
  message: Message,
  documents: readonly ManifestDocument[],
  defaultNamespace: string,
): Message {
  const { kind, namespace, name } = message.object;
  // Of two documents of one object the later one holds.
  const document = documents.findLast(({ object }) => {
    const metadata = isObject(object['metadata']) ? object['metadata'] : {};
    const own = kind === 'Namespace' ? '' : (metadata['namespace'] ?? defaultNamespace);
    return object['kind'] === kind && metadata['name'] === name && own === namespace;
  });
  if (document === undefined) return message;
  const { line, column } = document.locate(message.path);
  return { ...message, reference: `${document.file}:${line}:${column}` };
}

function levelOption(flags: string, description: string, standard: MessageLevel): Option {
  return new Option(flags, description).default(standard).argParser((text) => {
    const level = levels.find((known) => known.toLowerCase() === text.toLowerCase());
    if (level === undefined) throw new InvalidArgumentError(`It must be one of ${levels.join(', ')}.`);
    return level;
  });
}

function append(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

async function fromCluster(context: CommandContext, options: KubeOptions): Promise<MeshObject[]> {
  const client = await context.kube(options);
  try {
    return await collectMesh(client);
  } finally {
    client.close();
  }
}

function isIn({ object }: Message, namespace: string): boolean {
  return object.namespace === namespace || (object.kind === 'Namespace' && object.name === namespace);
}

function atLeast(level: MessageLevel, threshold: MessageLevel): boolean {
  return levels.indexOf(level) >= levels.indexOf(threshold);
}

/** `CODE=KIND NAME.NAMESPACE`, in which * stands for any text. */
function suppresses(rule: string, { code, object }: Message): boolean {
  const at = rule.indexOf('=');
  const [wantedCode, pattern] = at < 0 ? [rule, '*'] : [rule.slice(0, at), rule.slice(at + 1)];
  if (wantedCode !== code) return false;
  const where = object.namespace === '' ? object.name : `${object.name}.${object.namespace}`;
  const text = `${object.kind} ${where}`;
  const parts = pattern.split('*');
  let from = 0;
  for (const [index, part] of parts.entries()) {
    const found = text.indexOf(part, from);
    if (found < 0 || (index === 0 && found !== 0)) return false;
    from = found + part.length;
  }
  return parts.at(-1) === '' || text.endsWith(parts.at(-1) ?? '');
}

function print(
  context: CommandContext,
  messages: readonly Message[],
  format: Options['output'],
  where: string,
): void {
  const { stdout, style } = context;
  if (format !== 'log') {
    const plain = messages.map(({ code, level, object, path, message, reference }) => ({
      code,
      level,
      origin: `${object.kind} ${object.name}${object.namespace === '' ? '' : `.${object.namespace}`}`,
      ...(reference === undefined ? {} : { reference }),
      ...(path === '' ? {} : { path }),
      message,
    }));
    stdout.write(format === 'json' ? `${JSON.stringify(plain, undefined, 2)}\n` : formatManifest(plain));
    return;
  }
  const colours = {
    Error: (text: string) => style.bad(text),
    Warning: (text: string) => style.warn(text),
    Info: (text: string) => style.soft(text),
  };
  for (const message of messages) {
    stdout.write(
      `${colours[message.level](message.level)}${formatMessage(message).slice(message.level.length)}\n`,
    );
  }
  if (messages.length === 0)
    stdout.write(`${style.good('✔')} No validation issues found when analyzing ${where}.\n`);
}
