import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LateenError, messageOf, type Clock } from '@lateen/core';
import type { KubeClient, Pod, Volume } from '@lateen/kube';
import type { ObjectLookup } from '../container/environment.ts';
import type { PodFacts } from '../pod/pod-facts.ts';
import { replaceFiles, type VolumeFile } from './atomic-directory.ts';
import { PodTokens } from './service-account-token.ts';
import { volumeFiles, type TokenRequestSource } from './volume-source.ts';

export interface PodVolumesOptions {
  readonly pod: Pod;
  /** A directory for what the pod's programs write. */
  readonly diskDir: string;
  /** A directory in memory, for what comes from the API: secrets do not belong on a disk. */
  readonly memoryDir: string;
  readonly client: KubeClient;
  readonly lookup: ObjectLookup;
  readonly clock: Clock;
  readonly allowHostPath: boolean;
  /** Called when a token must be renewed: it is time for {@link PodVolumes.update}. */
  readonly onDue: () => void;
}

function tokenSources(pod: Pod): TokenRequestSource[] {
  return (pod.spec.volumes ?? [])
    .flatMap((volume) => volume.projected?.sources ?? [])
    .map((source) => source.serviceAccountToken)
    .filter((source) => source !== undefined);
}

function sameFiles(a: readonly VolumeFile[], b: readonly VolumeFile[]): boolean {
  return (
    a.length === b.length &&
    a.every((file, i) => {
      const other = b[i];
      return (
        other !== undefined &&
        file.path === other.path &&
        file.mode === other.mode &&
        file.data.equals(other.data)
      );
    })
  );
}

/** The volumes of one pod, as directories and files of the host. */
export class PodVolumes {
  readonly #options: PodVolumesOptions;
  readonly #tokens: PodTokens;
  readonly #written = new Map<string, readonly VolumeFile[]>();
  #version = 0;
  #closed = false;

  constructor(options: PodVolumesOptions) {
    this.#options = options;
    this.#tokens = new PodTokens(options.client, options.pod, options.clock);
  }

  /** Where a volume is on the host. */
  path(volume: Volume): string {
    if (volume.hostPath !== undefined) return volume.hostPath.path;
    const { diskDir, memoryDir } = this.#options;
    const isEmpty = Object.keys(volume).length === 1 || volume.emptyDir !== undefined;
    const onDisk = isEmpty && volume.emptyDir?.medium !== 'Memory';
    return join(onDisk ? diskDir : memoryDir, volume.name);
  }

  /**
   * Makes every volume, or brings it up to date with the objects that it shows. Rejects with a LateenError
   * `FailedMount` where something is missing; it may be called again.
   */
  async update(facts: PodFacts): Promise<void> {
    await this.#tokens.fetch(tokenSources(facts.pod), this.#options.onDue).catch((error: unknown) => {
      throw new LateenError('FailedMount', `failed to fetch token: ${messageOf(error)}`, { cause: error });
    });
    // The pod may have gone while tokens were fetched, and its directories with it.
    if (this.#closed) return;
    for (const volume of facts.pod.spec.volumes ?? []) {
      try {
        this.#make(volume, facts);
      } catch (error) {
        const message = `MountVolume.SetUp failed for volume "${volume.name}" : ${messageOf(error)}`;
        throw new LateenError('FailedMount', message, { cause: error });
      }
    }
  }

  /** Renews no more tokens; the directories are their owner's to remove. */
  close(): void {
    this.#closed = true;
    this.#tokens.close();
  }

  #make(volume: Volume, facts: PodFacts): void {
    const { lookup } = this.#options;
    const files = volumeFiles(volume, { facts, lookup, token: (source) => this.#tokens.get(source) });
    if (files !== undefined) {
      const before = this.#written.get(volume.name);
      if (before !== undefined && sameFiles(before, files)) return;
      const group = facts.pod.spec.securityContext?.fsGroup;
      replaceFiles(this.path(volume), `v${++this.#version}`, files, group);
      this.#written.set(volume.name, files);
      return;
    }
    if (volume.hostPath !== undefined) this.#checkHostPath(volume.hostPath.path, volume.hostPath.type ?? '');
    else if (volume.emptyDir !== undefined || Object.keys(volume).length === 1)
      this.#makeEmpty(volume, facts);
    else {
      const kind = Object.keys(volume).find((key) => key !== 'name');
      throw new LateenError('FailedMount', `volumes of the kind ${kind} are not supported`);
    }
  }

  #makeEmpty(volume: Volume, facts: PodFacts): void {
    const path = this.path(volume);
    if (existsSync(path)) return;
    mkdirSync(path, { recursive: true });
    const group = facts.pod.spec.securityContext?.fsGroup;
    if (group !== undefined) chownSync(path, 0, group);
    chmodSync(path, group === undefined ? 0o777 : 0o2777);
  }

  #checkHostPath(path: string, type: string): void {
    if (!this.#options.allowHostPath) {
      throw new LateenError(
        'FailedMount',
        `hostPath ${path} is refused: pods may not see the host's files unless the cluster was started with --allow-host-path`,
      );
    }
    if (existsSync(path)) return;
    if (type === 'DirectoryOrCreate') mkdirSync(path, { recursive: true });
    else if (type === 'FileOrCreate') {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, '');
    } else throw new LateenError('FailedMount', `hostPath ${path} does not exist`);
  }
}
