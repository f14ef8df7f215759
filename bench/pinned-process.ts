import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import process from 'node:process';
import { sleep } from '@lateen/core';

/** The core that contenders have for themselves, and the one for load and upstream. */
export const contenderCore = 0;
export const loadCore = 1;

const clockTicksPerSecond = 100;

/** Memory in megabytes: what no file backs, the share of everything, and everything. */
export interface MemoryMb {
  readonly anonymous: number;
  readonly proportional: number;
  readonly resident: number;
}

/** What is to end when this process is told to end. */
const running = new Set<PinnedProcess>();

/** Ends all that was started here, and waits for it. */
export async function endProcesses(): Promise<void> {
  await Promise.all([...running].map((one) => one.stop()));
}

/** A process, with all that it starts, held to one core. */
export class PinnedProcess {
  readonly #child: ChildProcess;
  #output = '';

  constructor(core: number, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn('taskset', ['-c', String(core), command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    running.add(this);
    this.#child.once('exit', () => running.delete(this));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-4000);
      });
    }
  }

  /** True where it is no longer there. */
  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The last of what it wrote. */
  get output(): string {
    return this.#output;
  }

  /** Waits until the port answers; fails with what the process said when it ends or takes too long. */
  async answersOn(port: number): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (this.ended) break;
      if (await canConnect(port)) return;
      await sleep(50);
    }
    throw new Error(`${this.#child.spawnargs.join(' ')} does not answer on port ${port}:\n${this.#output}`);
  }

  /** CPU used so far by the process and its descendants. */
  cpuSeconds(): number {
    let ticks = 0;
    for (const pid of this.#family()) {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    }
    return ticks / clockTicksPerSecond;
  }

  /** Memory of the process and its descendants that no file backs. */
  anonymousMb(): number {
    return this.memoryMb().anonymous;
  }

  /** Memory of the process and its descendants, as `smaps_rollup` of proc(5) counts it. */
  memoryMb(): MemoryMb {
    const sum = { anonymous: 0, proportional: 0, resident: 0 };
    for (const pid of this.#family()) {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      const mb = (name: string): number =>
        Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0) / 1024;
      sum.anonymous += mb('Anonymous');
      sum.proportional += mb('Pss');
      sum.resident += mb('Rss');
    }
    return sum;
  }

  /** Descriptors that the process and its descendants have open. */
  openDescriptors(): number {
    return this.#family().reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);
  }

  /** Ends the process and waits for it. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (this.ended) return;
    const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), 2000);
    await ended;
    clearTimeout(killer);
  }

  #family(): string[] {
    const root = String(this.#child.pid);
    const parents = new Map<string, string>();
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid) || !existsSync(`/proc/${pid}/stat`)) continue;
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      parents.set(pid, stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? '');
    }
    const belongs = (pid: string): boolean => {
      const parent = parents.get(pid);
      return pid === root || (parent !== undefined && parent !== '0' && belongs(parent));
    };
    return [...parents.keys()].filter(belongs);
  }
}

/** Keeps this process, which is control plane in some cases, off the core that contenders have for themselves. */
export function leaveContendersCore(): void {
  spawnSync('taskset', ['-a', '-c', '-p', String(loadCore), String(process.pid)]);
}

/** True where the program is there. */
export function isInstalled(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** The first version number in what a program prints. */
export function versionOf(program: string, flag: string): string {
  const run = spawnSync(program, [flag], { encoding: 'utf8' });
  return /\d+\.\d+(\.\d+)?/.exec(run.stdout + run.stderr)?.[0] ?? 'unknown';
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
