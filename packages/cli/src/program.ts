import { Command, CommanderError } from 'commander';
import { LateenError, messageOf } from '@lateen/core';
import { kubernetesVersion, istioVersion } from '@lateen/config';
import type { CommandContext } from './context.ts';

/** A command: its name and summary are known at once, its code is loaded when it is called. */
export interface CommandEntry {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly load: () => Promise<(context: CommandContext) => Command>;
}

/** Every command, in the order of the help text. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'up',
    summary: 'start a local cluster with a mesh in it',
    load: async () => (await import('./commands/up.ts')).upCommand,
  },
  {
    name: 'status',
    summary: 'show the local cluster: addresses, control plane, pods',
    load: async () => (await import('./commands/status.ts')).statusCommand,
  },
  {
    name: 'down',
    summary: 'stop the local cluster; what was applied is kept',
    load: async () => (await import('./commands/down.ts')).downCommand,
  },
  {
    name: 'console',
    summary: 'open the web console: the live graph of the mesh',
    load: async () => (await import('./commands/console.ts')).consoleCommand,
  },
  {
    name: 'env',
    summary: 'print the shell lines that set PATH and KUBECONFIG for the local cluster',
    load: async () => (await import('./commands/env.ts')).envCommand,
  },
  {
    name: 'images',
    summary: 'say which program a container image runs as',
    load: async () => (await import('./commands/images.ts')).imagesCommand,
  },
  {
    name: 'install',
    summary: 'install the control plane and gateways into the cluster of the kubeconfig',
    load: async () => (await import('./commands/install.ts')).installCommand,
  },
  {
    name: 'uninstall',
    summary: 'remove the control plane and gateways',
    load: async () => (await import('./commands/uninstall.ts')).uninstallCommand,
  },
  {
    name: 'verify-install',
    summary: 'check that everything of an installation is there',
    load: async () => (await import('./commands/verify-install.ts')).verifyInstallCommand,
  },
  {
    name: 'manifest',
    summary: 'print the manifests of an installation',
    load: async () => (await import('./commands/manifest.ts')).manifestCommand,
  },
  {
    name: 'kube-inject',
    summary: 'add the sidecar to the pods of a manifest',
    load: async () => (await import('./commands/kube-inject.ts')).kubeInjectCommand,
  },
  {
    name: 'validate',
    summary: "check the mesh's kinds in a manifest",
    load: async () => (await import('./commands/validate.ts')).validateCommand,
  },
  {
    name: 'analyze',
    summary: 'look for what does not fit together in manifests or a cluster',
    load: async () => (await import('./commands/analyze.ts')).analyzeCommand,
  },
  {
    name: 'proxy-status',
    aliases: ['ps'],
    summary: 'show how far each proxy has followed the control plane',
    load: async () => (await import('./commands/proxy-status.ts')).proxyStatusCommand,
  },
  {
    name: 'proxy-config',
    aliases: ['pc'],
    summary: 'show what a proxy has been told: clusters, listeners, routes, endpoints, certificates',
    load: async () => (await import('./commands/proxy-config.ts')).proxyConfigCommand,
  },
  {
    name: 'dashboard',
    aliases: ['dash', 'd'],
    summary: 'open the admin pages of a proxy',
    load: async () => (await import('./commands/dashboard.ts')).dashboardCommand,
  },
  {
    name: 'version',
    summary: 'print the versions of the client, the control plane and the proxies',
    load: async () => (await import('./commands/version.ts')).versionCommand,
  },
  {
    name: 'apply',
    summary: 'create or change objects from files',
    load: async () => (await import('./commands/apply.ts')).applyCommand,
  },
  {
    name: 'get',
    summary: 'list objects',
    load: async () => (await import('./commands/get.ts')).getCommand,
  },
  {
    name: 'delete',
    summary: 'delete objects',
    load: async () => (await import('./commands/delete.ts')).deleteCommand,
  },
  {
    name: 'label',
    summary: 'set and remove labels',
    load: async () => (await import('./commands/label.ts')).labelCommand,
  },
  {
    name: 'logs',
    summary: "print a container's log",
    load: async () => (await import('./commands/logs.ts')).logsCommand,
  },
  {
    name: 'exec',
    summary: 'run a command in a container',
    load: async () => (await import('./commands/exec.ts')).execCommand,
  },
];

const epilogue = (name: string): string => `
Examples:
  ${name} up --demo                     a mesh with Bookinfo, in the foreground
  eval "$(${name} env)"                 kubectl and istioctl of this shell talk to it
  ${name} install --set profile=demo    the control plane, in the cluster of your kubeconfig
  ${name} COMMAND --help                more about a command`;

/** The word that names the command: the first that is no option. */
function commandWord(words: readonly string[]): string | undefined {
  return words.find((word) => !word.startsWith('-'));
}

async function programFor(context: CommandContext, words: readonly string[]): Promise<Command> {
  const program = new Command(context.programName)
    .description("A service mesh on one machine or on Kubernetes, with Istio's API.")
    .version(`lateen ${istioVersion} (Kubernetes ${kubernetesVersion.gitVersion})`)
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
    .showHelpAfterError(`(${context.programName} --help lists the commands)`)
    .addHelpText('after', epilogue(context.programName))
    .exitOverride();
  const wanted = commandWord(words);
  const inherit = (command: Command): Command => {
    command.exitOverride().configureOutput(program.configureOutput());
    for (const child of command.commands) inherit(child);
    return command;
  };
  for (const entry of commands) {
    const called = wanted !== undefined && (entry.name === wanted || entry.aliases?.includes(wanted));
    const command = called ? (await entry.load())(context) : new Command(entry.name);
    command.summary(entry.summary);
    for (const alias of entry.aliases ?? []) command.alias(alias);
    program.addCommand(inherit(command));
  }
  return program;
}

/** Runs the command that the words name; errors are printed with what to do about them. Resolves with the exit code. */
export async function runProgram(context: CommandContext, words: readonly string[]): Promise<number> {
  try {
    const program = await programFor(context, words);
    await program.parseAsync([...words], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const style = context.stderr.isTerminal ? context.style : undefined;
    const word = style === undefined ? 'error:' : style.bad('error:');
    context.stderr.write(`${word} ${messageOf(error)}\n`);
    if (error instanceof LateenError && error.hint !== undefined) context.stderr.write(`  ${error.hint}\n`);
    return 1;
  }
}
