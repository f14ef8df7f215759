import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, type Clock } from '@lateen/core';
import { kubeconfigClient, loadKubeconfig, type HttpKubeClient } from '@lateen/kube';
import type { CliEnvironment } from './env.ts';
import { styleFor, type Style } from './output/style.ts';

/** Where a command writes. */
export interface Output {
  write(text: string): void;
  /** Colours and moving progress only where this is true. */
  readonly isTerminal: boolean;
  readonly columns: number;
}

/** What a command that talks to an API server can be told; `global` options of every such command. */
export interface KubeOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** All that a command may touch of the world: tests make one of their own. */
export interface CommandContext {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: NodeJS.ReadStream;
  readonly env: CliEnvironment;
  readonly clock: Clock;
  /** Styles for standard output: plain text where it is no terminal. */
  readonly style: Style;
  /** The name the program was called by: `lateen` or `istioctl`. */
  readonly programName: string;
  /** Folder with `dist/`, `samples/` and `node_modules/`. */
  readonly installationDir: string;
  /** A client for the cluster that the kubeconfig names. */
  kube(options?: KubeOptions): Promise<HttpKubeClient>;
  /** The namespace of the kubeconfig's context. */
  namespace(options?: KubeOptions): Promise<string>;
  /** Sets the exit code of the process; 0 unless said. */
  exit(code: number): void;
}

/**
 * The kubeconfig that commands use: the one given, else `KUBECONFIG` or `~/.kube/config` as
 * kubectl does, else that of the local cluster in the data directory.
 */
export function kubeconfigPath(env: CliEnvironment, given: string | undefined): string | undefined {
  if (given !== undefined || env.kubeconfig !== undefined) return given;
  if (existsSync(join(env.home, '.kube/config'))) return undefined;
  const local = join(env.dataDir, 'kubeconfig');
  return existsSync(local) ? local : undefined;
}

export interface ContextParts {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: NodeJS.ReadStream;
  readonly env: CliEnvironment;
  readonly programName: string;
  readonly installationDir: string;
  readonly exit: (code: number) => void;
}

/** A context over the parts of a process. */
export function createContext(parts: ContextParts): CommandContext {
  const { env } = parts;
  return {
    ...parts,
    clock: systemClock,
    style: styleFor(parts.stdout),
    kube: (options = {}) => kubeconfigClient(kubeconfigPath(env, options.kubeconfig), options.context),
    namespace: async (options = {}) =>
      (await loadKubeconfig(kubeconfigPath(env, options.kubeconfig), options.context)).namespace,
  };
}
