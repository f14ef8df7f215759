import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { presentUser } from './present-user.ts';
import { promisify } from 'node:util';
import { LateenError, messageOf } from '@lateen/core';

const run = promisify(execFile);

/** A range of ids of the host that an ordinary user may use inside a user namespace. */
export interface IdRange {
  readonly start: number;
  readonly count: number;
}

/** Finds a user's range in the text of /etc/subuid or /etc/subgid: `name-or-uid:start:count` lines. */
export function findRange(text: string, name: string, uid: number): IdRange | undefined {
  let best: IdRange | undefined;
  for (const line of text.split('\n')) {
    const [owner, start, count] = line.trim().split(':');
    if (owner !== name && owner !== String(uid)) continue;
    const range = { start: Number(start), count: Number(count) };
    if (!Number.isInteger(range.start) || !Number.isInteger(range.count)) continue;
    if (best === undefined || range.count > best.count) best = range;
  }
  return best;
}

/** Id 1337, the mesh's own user, must exist inside. */
const fewestIds = 2000;

/** The range of the present user in one of the two files; throws a LateenError that says how to get one. */
export function subordinateRange(file: '/etc/subuid' | '/etc/subgid'): IdRange {
  const { name, uid } = presentUser();
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // Missing is as good as empty.
  }
  const range = findRange(text, name, uid);
  if (range !== undefined && range.count >= fewestIds) return range;
  throw new LateenError('host.no-subordinate-ids', `${file} gives the user ${name} no subordinate ids`, {
    hint: `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${name}`,
  });
}

/** Maps 0 to the present user and 1..65535 to the user's subordinate ids, in a process that has just unshared. */
export async function writeIdMaps(pid: number): Promise<void> {
  const { uid, gid } = presentUser();
  const map = async (program: string, own: number, range: IdRange): Promise<void> => {
    const count = Math.min(range.count, 65535);
    try {
      await run(program, [`${pid}`, '0', `${own}`, '1', '1', `${range.start}`, `${count}`]);
    } catch (error) {
      throw new LateenError('host.id-map', `${program} failed: ${messageOf(error).trim()}`, { cause: error });
    }
  };
  await map('newuidmap', uid, subordinateRange('/etc/subuid'));
  await map('newgidmap', gid, subordinateRange('/etc/subgid'));
}
