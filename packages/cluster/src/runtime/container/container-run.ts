import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { LateenError } from '@lateen/core';
import type { Container, Pod, Volume } from '@lateen/kube';
import { containerArgv } from '../../images/resolve.ts';
import type { PodNetwork } from '../../network/pod-network.ts';
import { ContainerLog } from '../log/container-log.ts';
import type { NodeParts } from '../node-parts.ts';
import type { PodFacts } from '../pod/pod-facts.ts';
import { containerEnvironment, expandVariables } from './environment.ts';
import type { RunningContainer } from './exec.ts';
import { containerIdentity } from './identity.ts';
import { startContainerProcess, type ContainerProcess } from './process.ts';
import { createRootFileSystem, type ContainerMount, type RootFileSystem } from './root-file-system.ts';

/** What the containers of one pod share. */
export interface PodSurroundings {
  readonly node: NodeParts;
  /** The pod's own directory for what ends with its containers. */
  readonly scratchDir: string;
  /** The pod's own directory for the logs of its containers. */
  readonly logsDir: string;
  readonly network: PodNetwork;
  readonly volumePath: (volume: Volume) => string;
  /** Files that every container of the pod begins with. */
  readonly files: Readonly<Record<string, string>>;
  /** The pod as it is now. */
  readonly facts: () => PodFacts;
}

/** One run of a container, from its root file system to its end. */
export interface ContainerRun {
  readonly id: string;
  readonly imageId: string;
  readonly process: ContainerProcess;
  readonly log: ContainerLog;
  /** Resolves when everything that the program printed is in the log, after its end. */
  readonly logged: Promise<void>;
  /** For programs that join it. */
  readonly running: RunningContainer;
  /** What the program left as its last word. */
  terminationMessage(failed: boolean): string;
  /** Removes what the run needed; its log stays. */
  cleanUp(): void;
}

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/lateen/bin';

/** Where containers of our own programs find what node has compiled of them before. */
const compileCache = '/var/cache/lateen';

function configError(message: string): never {
  throw new LateenError('CreateContainerConfigError', message);
}

function mountsOf(
  container: Container,
  pod: Pod,
  env: Readonly<Record<string, string>>,
  volumePath: (volume: Volume) => string,
): ContainerMount[] {
  return (container.volumeMounts ?? []).map((mount) => {
    const volume = pod.spec.volumes?.find((candidate) => candidate.name === mount.name);
    if (volume === undefined) return configError(`volume "${mount.name}" of a mount is not defined`);
    const subPath =
      mount.subPathExpr === undefined ? (mount.subPath ?? '') : expandVariables(mount.subPathExpr, env);
    if (subPath.startsWith('/') || subPath.split('/').includes('..')) {
      return configError(`subPath "${subPath}" leaves the volume`);
    }
    const source = join(volumePath(volume), subPath);
    if (subPath !== '' && !existsSync(source)) mkdirSync(source, { recursive: true });
    // What comes from the API cannot be written to, whatever the mount says.
    const fromApi =
      volume.configMap !== undefined ||
      volume.secret !== undefined ||
      volume.projected !== undefined ||
      volume.downwardAPI !== undefined;
    return { source, target: mount.mountPath, readOnly: mount.readOnly === true || fromApi };
  });
}

/** Resolves when the stream has ended: with the last process of the container at the latest. */
function copyToLog(stream: Readable, name: 'stdout' | 'stderr', log: ContainerLog): Promise<void> {
  return new Promise((resolve) => {
    stream
      .on('data', (chunk: Buffer) => log.write(name, chunk))
      .on('error', () => {})
      .once('close', resolve);
  });
}

/**
 * Starts a container once; `attempt` counts its runs from 0. Rejects with a LateenError whose code is
 * the reason that a waiting container shows. The program may still fail to start: see the process.
 */
export async function startRun(
  container: Container,
  surroundings: PodSurroundings,
  attempt: number,
  containerId: string,
): Promise<ContainerRun> {
  const { node, scratchDir, network } = surroundings;
  const facts = surroundings.facts();
  const { pod } = facts;
  const reference = container.image ?? '';
  const hasCommand = (container.command ?? []).length > 0;
  const image = await node.images.resolve(reference, hasCommand);
  const identity = containerIdentity(pod, container, image.uid);
  const env: Record<string, string> = {
    PATH: searchPath,
    HOSTNAME: pod.spec.hostname ?? pod.metadata.name,
    HOME: identity.uid === 0 ? '/root' : '/',
    ...(container.tty === true ? { TERM: 'xterm' } : {}),
    ...(image.sharesCompiledCode ? { NODE_COMPILE_CACHE: compileCache } : {}),
    ...image.env,
    ...containerEnvironment(container, facts, node.lookup),
  };
  const expand = (text: string): string => expandVariables(text, env);
  const argv = containerArgv(image, container.command?.map(expand), container.args?.map(expand));
  if (argv.length === 0) configError('no command specified');
  const place = join(scratchDir, container.name, `${attempt}`);
  mkdirSync(place, { recursive: true });
  const lastWord = join(place, 'termination-log');
  writeFileSync(lastWord, '', { mode: 0o666 });
  const files = image.files;
  let root: RootFileSystem | undefined;
  try {
    root = createRootFileSystem({
      node: node.root,
      directory: place,
      ...(Object.keys(files).length === 0
        ? {}
        : { imageLayer: node.root.imageLayer(image.id.replaceAll(/[^a-z0-9]+/g, '-'), files) }),
      files: surroundings.files,
      mounts: [
        ...mountsOf(container, pod, env, surroundings.volumePath),
        ...(image.sharesCompiledCode
          ? [{ source: node.root.compileCacheDir, target: compileCache, readOnly: false }]
          : []),
        {
          source: lastWord,
          target: container.terminationMessagePath ?? '/dev/termination-log',
          readOnly: false,
        },
      ],
      sharedMemoryDir: join(scratchDir, '.shm'),
      readOnly: container.securityContext?.readOnlyRootFilesystem === true,
    });
    const workingDir = container.workingDir ?? image.workingDir;
    const shared = { switch: node.switch, tools: node.tools, namespaces: network.namespaces };
    const process = startContainerProcess({
      ...shared,
      root,
      argv,
      env,
      workingDir,
      identity,
      stdin: container.stdin === true,
      devpts: container.tty === true ? node.root.devpts : undefined,
    });
    const log = new ContainerLog(join(surroundings.logsDir, container.name, `${attempt}.log`), node.clock);
    process.stdin?.on('error', () => {});
    const printed = [copyToLog(process.stdout, 'stdout', log)];
    if (process.stderr !== undefined) printed.push(copyToLog(process.stderr, 'stderr', log));
    const made = root;
    return {
      id: containerId,
      imageId: image.id,
      process,
      log,
      logged: Promise.all(printed).then(() => log.end()),
      running: { ...shared, pid: process.pid, identity, env, workingDir },
      terminationMessage(failed) {
        const word = existsSync(lastWord) ? readFileSync(lastWord, 'utf8').slice(0, 4096) : '';
        const fallBack = container.terminationMessagePolicy === 'FallbackToLogsOnError';
        return word === '' && failed && fallBack ? log.tail(80, 2048) : word;
      },
      cleanUp: () => made.remove(),
    };
  } catch (error) {
    root?.remove();
    throw error;
  }
}
