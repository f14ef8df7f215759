import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import { LateenError, codeOf, messageOf } from '@lateen/core';
import { kubeEnvironment } from './env.ts';
import { httpClient, type HttpClientOptions, type HttpKubeClient } from './http-client.ts';
import type { Credentials } from './http-transport.ts';

interface NamedEntry {
  readonly name: string;
}

interface ClusterEntry extends NamedEntry {
  readonly cluster?: {
    readonly server?: string;
    readonly 'certificate-authority'?: string;
    readonly 'certificate-authority-data'?: string;
    readonly 'insecure-skip-tls-verify'?: boolean;
    readonly 'tls-server-name'?: string;
  };
  /** Folder of the file that it came from: relative paths are relative to it. */
  folder?: string;
}

interface UserEntry extends NamedEntry {
  readonly user?: {
    readonly token?: string;
    readonly tokenFile?: string;
    readonly 'client-certificate'?: string;
    readonly 'client-certificate-data'?: string;
    readonly 'client-key'?: string;
    readonly 'client-key-data'?: string;
    readonly username?: string;
    readonly password?: string;
    readonly exec?: unknown;
    readonly 'auth-provider'?: unknown;
  };
  folder?: string;
}

interface ContextEntry extends NamedEntry {
  readonly context?: { readonly cluster?: string; readonly user?: string; readonly namespace?: string };
}

interface KubeconfigFile {
  readonly 'current-context'?: string;
  readonly clusters?: readonly ClusterEntry[] | null;
  readonly users?: readonly UserEntry[] | null;
  readonly contexts?: readonly ContextEntry[] | null;
}

/** One context of a kubeconfig, ready for `httpClient`. */
export interface KubeconfigContext {
  readonly name: string;
  /** The context's namespace; `default` where it names none. */
  readonly namespace: string;
  readonly client: HttpClientOptions;
}

/**
 * Reads a context from kubeconfig files.
 *
 * `path` is one file; by default the files of `KUBECONFIG`, or `~/.kube/config`. `context` is by
 * default the current one. Users that need a plugin (`exec`, `auth-provider`) go through
 * `@kubernetes/client-node`, which is loaded only then.
 */
export async function loadKubeconfig(path?: string, context?: string): Promise<KubeconfigContext> {
  const paths = path === undefined ? kubeEnvironment().kubeconfigPaths : [path];
  const files = await readFiles(paths, path !== undefined);
  const name = context ?? files.find((file) => file['current-context'])?.['current-context'];
  if (name === undefined) {
    throw new LateenError('kube.noContext', `no current context in ${paths.join(', ') || 'any kubeconfig'}`, {
      hint: 'name a kubeconfig with --kubeconfig or KUBECONFIG, or start a cluster with `lateen up`',
    });
  }
  const chosen = find(files, 'contexts', name)?.context;
  if (chosen === undefined) {
    const known = files.flatMap((file) => file.contexts ?? []).map((entry) => entry.name);
    throw new LateenError('kube.noContext', `there is no context "${name}" in ${paths.join(', ')}`, {
      hint: known.length === 0 ? 'the kubeconfig names no context' : `it has ${known.join(', ')}`,
    });
  }
  const cluster = find(files, 'clusters', chosen.cluster ?? '');
  const server = cluster?.cluster?.server;
  if (server === undefined) {
    throw new LateenError('kube.noCluster', `context "${name}" names a cluster without a server`);
  }
  const user = find(files, 'users', chosen.user ?? '');
  const ca = await pemOf(
    cluster?.cluster?.['certificate-authority-data'],
    cluster?.cluster?.['certificate-authority'],
    cluster?.folder,
  );
  const tlsServerName = cluster?.cluster?.['tls-server-name'];
  return {
    name,
    namespace: chosen.namespace ?? 'default',
    client: {
      server,
      ...(ca === undefined ? {} : { ca }),
      ...(tlsServerName === undefined ? {} : { tlsServerName }),
      insecureSkipTlsVerify: cluster?.cluster?.['insecure-skip-tls-verify'] === true,
      credentials: await credentialsOf(user, paths, name),
    },
  };
}

/** A client for a context of a kubeconfig; see {@link loadKubeconfig}. */
export async function kubeconfigClient(
  path?: string,
  context?: string,
  more: Partial<HttpClientOptions> = {},
): Promise<HttpKubeClient> {
  const found = await loadKubeconfig(path, context);
  return httpClient({ ...found.client, ...more });
}

async function readFiles(paths: readonly string[], mustExist: boolean): Promise<KubeconfigFile[]> {
  const { parse } = await import('yaml');
  const files: KubeconfigFile[] = [];
  for (const path of paths) {
    try {
      const file = parse(await readFile(path, 'utf8')) as KubeconfigFile | null;
      if (file === null) continue;
      const folder = dirname(resolve(path));
      for (const entry of file.clusters ?? []) entry.folder = folder;
      for (const entry of file.users ?? []) entry.folder = folder;
      files.push(file);
    } catch (error) {
      if (codeOf(error) === 'ENOENT' && !mustExist) continue;
      throw new LateenError('kube.kubeconfig', `cannot read the kubeconfig ${path}: ${messageOf(error)}`);
    }
  }
  return files;
}

function find<K extends 'clusters' | 'users' | 'contexts'>(
  files: readonly KubeconfigFile[],
  kind: K,
  name: string,
): NonNullable<KubeconfigFile[K]>[number] | undefined {
  for (const file of files) {
    const entries: readonly NamedEntry[] = file[kind] ?? [];
    const entry = entries.find((candidate) => candidate.name === name);
    if (entry !== undefined) return entry;
  }
  return undefined;
}

async function pemOf(
  data: string | undefined,
  file: string | undefined,
  folder: string | undefined,
): Promise<Buffer | undefined> {
  if (data !== undefined) return Buffer.from(data, 'base64');
  return file === undefined ? undefined : readFile(resolve(folder ?? '.', file));
}

async function credentialsOf(
  entry: UserEntry | undefined,
  paths: readonly string[],
  context: string,
): Promise<Credentials> {
  const user = entry?.user;
  if (user === undefined) return { kind: 'none' };
  if (user.exec !== undefined || user['auth-provider'] !== undefined) return pluginOf(paths, context);
  if (user.token !== undefined) {
    const token = user.token;
    return { kind: 'token', token: () => token };
  }
  if (user.tokenFile !== undefined) {
    const file = resolve(entry?.folder ?? '.', user.tokenFile);
    return { kind: 'token', token: async () => (await readFile(file, 'utf8')).trim() };
  }
  const cert = await pemOf(user['client-certificate-data'], user['client-certificate'], entry?.folder);
  const key = await pemOf(user['client-key-data'], user['client-key'], entry?.folder);
  if (cert !== undefined && key !== undefined) return { kind: 'certificate', cert, key };
  if (user.username !== undefined) {
    return { kind: 'basic', username: user.username, password: user.password ?? '' };
  }
  return { kind: 'none' };
}

async function pluginOf(paths: readonly string[], context: string): Promise<Credentials> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  for (const [index, path] of paths.entries()) {
    if (index === 0) {
      config.loadFromFile(path);
      continue;
    }
    const further = new KubeConfig();
    further.loadFromFile(path);
    config.mergeConfig(further, true);
  }
  config.setCurrentContext(context);
  return {
    kind: 'custom',
    apply: async (options) => {
      const proof: RequestOptions = { headers: {} };
      await config.applyToHTTPSOptions(proof);
      Object.assign(options.headers ?? {}, proof.headers);
      if (proof.cert !== undefined) options.cert = proof.cert;
      if (proof.key !== undefined) options.key = proof.key;
      if (proof.auth !== undefined && proof.auth !== null) options.auth = proof.auth;
    },
  };
}
