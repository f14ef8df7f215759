import { readFileSync, rmSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, crc32, messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import { decode, encode } from '@lateen/protocol';
import { DeltaDiscoveryResponse } from '@lateen/protocol/envoy/service/discovery/v3';
import { resourceTypeFacts, resourceTypes, type ResourceType } from './resource-type.ts';
import type { RawResource } from './subscription.ts';

/** The resources of one kind, as they were kept. */
export interface KeptResources {
  readonly type: ResourceType;
  readonly version: string;
  readonly resources: readonly RawResource[];
}

export interface StateFolderOptions {
  readonly path: string;
  /** What the names of files end in: several may share a folder. */
  readonly suffix: 'state' | 'keys';
  /** Whose resources they are: those of another node are not taken. */
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** What is to be kept of a kind, now. */
  readonly current: (type: ResourceType) => Omit<KeptResources, 'type'>;
}

/** Keeps accepted resources in files, so that a proxy that starts again serves before a control plane answers. */
export interface StateFolder {
  /** What was kept by the process before; what is broken or of another node is passed over, with a line in the log. */
  read(): readonly KeptResources[];
  /** Says that resources of a kind have changed: they are written soon, many changes at once. */
  note(type: ResourceType): void;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

/** Changes that come within so long are written together. */
const gatherMs = 2_000;

const magic = 'lateen-state-2';

/** Resources are encoded up to so many bytes in a turn: a fraction of a millisecond. */
const pieceBytes = 65_536;

function lineOf(sum: number): string {
  return `${magic} ${sumText(sum)}\n`;
}

function sumText(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

function sumFor(nodeId: string): number {
  return crc32(Buffer.from(`${nodeId}\n`));
}

/** The message of a file in pieces: messages one after another are one message with the fields of all. */
function* piecesOf({ type, version, resources }: KeptResources): Generator<Buffer> {
  const { typeUrl } = resourceTypeFacts[type];
  let parts = [encode(DeltaDiscoveryResponse, { systemVersionInfo: version, typeUrl })];
  let length = 0;
  for (const one of resources) {
    const resource = { name: one.name, version: one.version, resource: { typeUrl, value: one.bytes } };
    const part = encode(DeltaDiscoveryResponse, { resources: [resource] });
    parts.push(part);
    length += part.length;
    if (length < pieceBytes) continue;
    yield Buffer.concat(parts);
    parts = [];
    length = 0;
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}

/**
 * A folder with one file for each kind: a line with the format and a checksum, then a DeltaDiscoveryResponse.
 * A kind without keys has no file of them. A file is written beside its place and renamed, so that it is whole or the one before.
 */
export function stateFolder(options: StateFolderOptions): StateFolder {
  const { path, suffix, nodeId, clock, log } = options;
  const fileOf = (type: ResourceType): string => join(path, `${type}.${suffix}`);
  const dirty = new Set<ResourceType>();
  let timer: Timer | undefined;
  let last: Promise<void> = Promise.resolve();
  let failed = false;

  /** What cannot be removed is not used either: it keeps nobody from starting. */
  function discard(file: string): void {
    try {
      rmSync(file, { force: true });
    } catch (error) {
      log.warn('kept resources are not removed', { file, reason: messageOf(error) });
    }
  }

  function readOne(type: ResourceType): KeptResources | string | undefined {
    let bytes: Buffer;
    try {
      bytes = readFileSync(fileOf(type));
    } catch (error) {
      return codeOf(error) === 'ENOENT' ? undefined : messageOf(error);
    }
    const end = bytes.indexOf(0x0a);
    const [format, sum] = bytes.toString('latin1', 0, Math.max(end, 0)).split(' ');
    if (format !== magic) return 'it has another format';
    const body = bytes.subarray(end + 1);
    if (sum !== sumText(crc32(body, sumFor(nodeId)))) return 'it is not whole, or of another node';
    const message = decode(DeltaDiscoveryResponse, body);
    if (!message.ok) return 'it cannot be read';
    const { typeUrl } = resourceTypeFacts[type];
    const resources = (message.value.resources ?? []).flatMap((one): RawResource[] => {
      const { name = '', version = '', resource } = one;
      return resource === undefined ? [] : [{ name, version, typeUrl, bytes: resource.value }];
    });
    return { type, version: message.value.systemVersionInfo ?? '', resources };
  }

  async function writeOne(type: ResourceType): Promise<void> {
    const file = fileOf(type);
    const kept = options.current(type);
    if (suffix === 'keys' && kept.resources.length === 0) {
      await rm(file, { force: true });
      return;
    }
    await mkdir(path, { recursive: true, mode: 0o700 });
    const next = `${file}.next`;
    try {
      await writeTo(next, type, kept);
      await rename(next, file);
    } catch (error) {
      // On a disk that is full a part of a file is in the way of others.
      await rm(next, { force: true });
      throw error;
    }
  }

  async function writeTo(next: string, type: ResourceType, kept: Omit<KeptResources, 'type'>): Promise<void> {
    const handle = await open(next, 'w', 0o600);
    try {
      let sum = sumFor(nodeId);
      // The line with the sum, which is known at the end, takes its place now.
      let at = lineOf(sum).length;
      for (const piece of piecesOf({ type, ...kept })) {
        sum = crc32(piece, sum);
        await handle.write(piece, 0, piece.length, at);
        at += piece.length;
      }
      await handle.write(lineOf(sum), 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  function flush(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    last = last.then(async () => {
      const types = [...dirty];
      dirty.clear();
      for (const type of types) {
        try {
          await writeOne(type);
          failed = false;
        } catch (error) {
          if (!failed) log.warn('resources are not kept', { path, reason: messageOf(error) });
          failed = true;
        }
      }
    });
    return last;
  }

  return {
    read() {
      return resourceTypes.flatMap((type) => {
        const kept = readOne(type);
        if (typeof kept !== 'string') return kept === undefined ? [] : [kept];
        const file = fileOf(type);
        log.warn('kept resources are not used', { file, reason: kept });
        discard(file);
        return [];
      });
    },
    note(type) {
      dirty.add(type);
      timer ??= clock.after(gatherMs, () => void flush());
    },
    close: flush,
  };
}
