import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LateenError } from '@lateen/core';
import { listenOnHost } from './port-server.ts';

/** The port of the API server on the block's first address. */
export const apiServerPort = 6443;

/** Blocks are taken from 127.64.0.0 to 127.191.255.0: away from 127.0.0.0/16 that everybody uses. */
const firstSecondNumber = 64;
const candidates = 128 * 256;

function prefixAt(index: number): string {
  const n = index % candidates;
  return `127.${firstSecondNumber + (n >> 8)}.${n & 255}`;
}

function preferredIndex(dataDir: string): number {
  return createHash('sha256').update(dataDir).digest().readUInt32BE(0) % candidates;
}

function keptPrefix(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return /^127\.\d{1,3}\.\d{1,3}$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

async function isFree(prefix: string): Promise<boolean> {
  const server = await listenOnHost(`${prefix}.1`, apiServerPort);
  if (typeof server === 'string') return false;
  await new Promise((closed) => server.close(closed));
  return true;
}

/**
 * The first three numbers of the loopback block of a data directory: the one that it had before,
 * else one derived from its path; the next where somebody else answers there already.
 */
export async function chooseAddressPrefix(dataDir: string): Promise<string> {
  const file = join(dataDir, 'address-block');
  const kept = keptPrefix(file);
  if (kept !== undefined && (await isFree(kept))) return kept;
  const start = preferredIndex(dataDir);
  for (let i = 0; i < 64; i++) {
    const prefix = prefixAt(start + i);
    if (prefix === kept || !(await isFree(prefix))) continue;
    writeFileSync(file, `${prefix}\n`);
    return prefix;
  }
  throw new LateenError('host.no-addresses', 'no free block of loopback addresses was found', {
    hint: 'see with `ss -ltn` what listens on 127.64.0.0 to 127.191.255.255, port 6443',
  });
}
