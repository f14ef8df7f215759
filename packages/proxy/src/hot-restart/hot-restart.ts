import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { codeOf, LateenError, type Logger } from '@lateen/core';
import type { DataPlane } from '../data-plane.ts';
import type { StatsView } from '../telemetry/stats-view.ts';
import { carriedOver } from '../telemetry/stats-snapshot.ts';
import { socketPath } from './messages.ts';
import type { Predecessor } from './predecessor.ts';
import type { SuccessorDoor, SuccessorDoorOptions } from './successor-door.ts';

/** What the command line says of hot restart. */
export interface HotRestartOptions {
  /** `dynamic`: one that is free. Undefined: 0, and no matter where another process has it. */
  readonly baseId: number | 'dynamic' | undefined;
  readonly baseIdPath: string | undefined;
  readonly epoch: number;
  /** What the sockets' names begin with; `@` for the abstract namespace. */
  readonly socketPath: string;
  readonly socketMode: number;
  /** When the process before this one ends, counted from when this one serves. */
  readonly parentShutdownMs: number;
  /** Start as the first one where there is no process to take over from. */
  readonly skipOnNoParent: boolean;
  /** Leave its statistics. */
  readonly skipParentStats: boolean;
}

/** What a process does to take over, and to be taken over from. */
export interface HotRestart {
  readonly epoch: number;
  readonly generation: number;
  readonly predecessor: Predecessor | undefined;
  /** Of the process that this one has taken over from, when they were last asked for. */
  readonly parentConnections: number;
  /** Lets a successor find this process, where that was not done before. */
  open(process: SuccessorDoorProcess): Promise<void>;
  /** Serves in place of the predecessor, which drains and ends. */
  takeOver(dataPlane: Pick<DataPlane, 'startAccepting'>): Promise<void>;
  /** The statistics of both processes. */
  merged(stats: StatsView): Promise<StatsView>;
  /** Counts from zero. */
  forgetStats(): void;
  /** Tells the successor that this process ends. */
  leave(): Promise<void>;
  close(): void;
}

/** The part of the door's options that the process itself gives. */
export type SuccessorDoorProcess = Omit<
  SuccessorDoorOptions,
  'path' | 'mode' | 'epoch' | 'generation' | 'log'
>;

const dynamicTries = 16;
const highestDynamicId = 0x7fff_ffff;

/** Finds the process to take over from, where the epoch says that there is one. */
export async function startHotRestart(options: HotRestartOptions, log: Logger): Promise<HotRestart> {
  const { epoch } = options;
  let predecessor: Predecessor | undefined;
  const fixedId = options.baseId === 'dynamic' ? undefined : (options.baseId ?? 0);
  if (epoch > 0) {
    if (fixedId === undefined) {
      throw new LateenError(
        'EHOTRESTART',
        '--use-dynamic-base-id is for the first process: restart epoch 0',
        {
          hint: 'give the id that the first process wrote to --base-id-path as --base-id',
        },
      );
    }
    const { greetPredecessor } = await import('./predecessor.ts');
    try {
      predecessor = await greetPredecessor(
        socketPath(options.socketPath, fixedId, epoch - 1),
        epoch,
        fixedId,
      );
    } catch (error) {
      if (!options.skipOnNoParent) throw error;
      log.info('there is no process to take over from; starting as the first one');
    }
  }
  const generation = predecessor?.generation ?? 1;
  let door: SuccessorDoor | undefined;
  let parentConnections = 0;
  let carries = predecessor !== undefined && !options.skipParentStats;

  async function openDoor(process: SuccessorDoorProcess): Promise<void> {
    const { openSuccessorDoor } = await import('./successor-door.ts');
    for (let tries = 1; ; tries++) {
      const baseId = fixedId ?? randomInt(1, highestDynamicId);
      const path = socketPath(options.socketPath, baseId, epoch);
      try {
        const common = { path, mode: options.socketMode, epoch, generation, log };
        door = await openSuccessorDoor({ ...process, ...common });
      } catch (error) {
        if (codeOf(error) !== 'EADDRINUSE') throw error;
        if (fixedId === undefined && tries < dynamicTries) continue;
        if (options.baseId === undefined && epoch === 0) {
          log.info('hot restart is off: another process has base id 0; --base-id chooses another');
          return;
        }
        throw new LateenError('EHOTRESTART', `base id ${baseId} is in use, with restart epoch ${epoch}`, {
          hint: 'choose another --base-id, or --use-dynamic-base-id; a process that is to follow has the next --restart-epoch',
        });
      }
      if (options.baseIdPath !== undefined) writeFileSync(options.baseIdPath, String(baseId));
      return;
    }
  }

  return {
    epoch,
    generation,
    predecessor,
    get parentConnections() {
      return parentConnections;
    },
    open: openDoor,
    async takeOver(dataPlane) {
      if (predecessor === undefined) return;
      dataPlane.startAccepting();
      predecessor.closeUntaken();
      await predecessor.drain(options.parentShutdownMs);
      log.info('took over', { epoch });
    },
    async merged(stats) {
      if (predecessor === undefined) return stats;
      const before = await predecessor.stats();
      parentConnections = before.connections;
      return carries ? stats.mergedWith([carriedOver(before.stats, before.alive)]) : stats;
    },
    forgetStats() {
      carries = false;
    },
    leave: async () => door?.leave(),
    close() {
      door?.close();
      predecessor?.close();
    },
  };
}
