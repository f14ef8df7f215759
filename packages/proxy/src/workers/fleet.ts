import type { DataPlane } from '../data-plane.ts';
import type { WorkerPool } from './worker-pool.ts';

/** What is done with the data planes of all workers at once. */
export type Fleet = Pick<
  DataPlane,
  | 'startAccepting'
  | 'startDraining'
  | 'stopAccepting'
  | 'drain'
  | 'drainConnections'
  | 'failHealthChecks'
  | 'reopenLogs'
  | 'activeConnections'
>;

/** The data plane of this thread and those of its workers as one; without workers it is the data plane itself. */
export function fleetOf(own: DataPlane, workers: WorkerPool | undefined): Fleet {
  if (workers === undefined) return own;
  return {
    startAccepting() {
      own.startAccepting();
      workers.tell({ kind: 'startAccepting' });
    },
    startDraining() {
      own.startDraining();
      workers.tell({ kind: 'startDraining' });
    },
    async stopAccepting() {
      await Promise.all([own.stopAccepting(), workers.stopAccepting()]);
    },
    async drain(ms) {
      await Promise.all([own.drain(ms), workers.drain(ms)]);
      return { activeConnections: this.activeConnections };
    },
    drainConnections() {
      own.drainConnections();
      workers.tell({ kind: 'drainConnections' });
    },
    failHealthChecks(failed) {
      own.failHealthChecks(failed);
      workers.tell({ kind: 'failHealthChecks', failed });
    },
    reopenLogs() {
      own.reopenLogs();
      workers.tell({ kind: 'reopenLogs' });
    },
    get activeConnections() {
      return workers.share.cells.connections;
    },
  };
}
