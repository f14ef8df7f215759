import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a container sees the control group that it is in. */
export const controlGroupPath = '/sys/fs/cgroup';

/** Of which control groups of version 1 have their "no limit": the largest number that is a multiple of a page. */
const noLimitBytes = 2 ** 62;

/** Reads what a control group, of either version, uses and may use; throws where a file cannot be read. */
export class ControlGroup {
  readonly #root: string;
  readonly #isVersion2: boolean;

  constructor(root: string) {
    this.#root = root;
    this.#isVersion2 = existsSync(join(root, 'cgroup.controllers'));
  }

  memoryBytes(): number {
    return this.#number(this.#isVersion2 ? 'memory.current' : 'memory/memory.usage_in_bytes');
  }

  /** Infinity where memory is not limited. */
  memoryLimitBytes(): number {
    const limit = this.#number(this.#isVersion2 ? 'memory.max' : 'memory/memory.limit_in_bytes');
    return limit >= noLimitBytes ? Infinity : limit;
  }

  /** Time that its processes have run on processors, in milliseconds. */
  cpuMs(): number {
    if (!this.#isVersion2) return this.#number('cpuacct/cpuacct.usage') / 1e6;
    const text = this.#text('cpu.stat');
    const used = /^usage_usec (\d+)$/m.exec(text)?.[1];
    if (used === undefined) throw new Error(`${join(this.#root, 'cpu.stat')} has no usage_usec`);
    return Number(used) / 1_000;
  }

  /** Processors that it may use, in parts of one. */
  cpus(): number {
    // Of version 1 the shares, a thousandth of a processor each, as Envoy takes them.
    if (!this.#isVersion2) return this.#number('cpu/cpu.shares') / 1_000;
    const [quota, period] = this.#text('cpu.max').split(' ').map(Number);
    const all = countCpus(this.#text('cpuset.cpus.effective'));
    if (quota === undefined || Number.isNaN(quota)) return all;
    return Math.min(all, quota / (period ?? 100_000));
  }

  #text(file: string): string {
    return readFileSync(join(this.#root, file), 'utf8').trim();
  }

  #number(file: string): number {
    const text = this.#text(file);
    const value = text === 'max' ? Infinity : Number(text);
    if (text === '' || Number.isNaN(value)) throw new Error(`${join(this.#root, file)} holds no number`);
    return value;
  }
}

/** How many are in a list as `0-3,6`. */
function countCpus(list: string): number {
  let count = 0;
  for (const range of list.split(',')) {
    const [first, last = first] = range.split('-').map(Number);
    if (range === '' || first === undefined || last === undefined || !(last >= first))
      throw new Error(`"${list}" is no list of processors`);
    count += last - first + 1;
  }
  return count;
}
