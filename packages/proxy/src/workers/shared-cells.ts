import { locked } from './shared-lock.ts';

/** Cells of a slot: as many as fill a line of a processor's cache, so that two slots never share one. */
const slotCells = 16;
const maxSlots = 1 << 17;
const buckets = 1 << 16;

/** Where things are in the header. */
const header = { lock: 0, slots: 1, free: 2, connections: 3 } as const;
/** Where things are in a slot. */
const part = { references: 0, hashLow: 1, hashHigh: 2, next: 3, values: 4 } as const;

const bucketsAt = slotCells;
const slotsAt = bucketsAt + buckets;
const bufferBytes = (slotsAt + maxSlots * slotCells) * Int32Array.BYTES_PER_ELEMENT;

/**
 * Numbers that all threads of a process count together, found by names.
 *
 * Each name has a slot of {@link slotValues} cells in shared memory, which begin as 0 and are there as long as somebody
 * holds the slot. The kernel gives memory only for slots that are used. A lock is taken to find a slot, none to count.
 */
export class SharedCells {
  /** What other threads make theirs of. */
  readonly buffer: SharedArrayBuffer;
  readonly cells: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(bufferBytes)) {
    this.buffer = buffer;
    this.cells = new Int32Array(buffer);
  }

  /** Connections of clients over all threads. */
  get connections(): number {
    return Atomics.load(this.cells, header.connections);
  }

  countConnection(change: 1 | -1): void {
    Atomics.add(this.cells, header.connections, change);
  }

  /**
   * The first cell of a name's slot, held until {@link release}; undefined where there is no room for one more. Who needs
   * more than {@link slotValues} says how many; those cells are in a row, the same number at each call, and are not to be
   * let go.
   */
  acquire(name: string, count = slotValues): number | undefined {
    const low = hash(name, 0x811c9dc5);
    const high = hash(name, 0x2545f491);
    const { cells } = this;
    return locked(cells, header.lock, () => {
      const bucket = bucketOf(low);
      for (let slot = cells[bucket] ?? 0; slot !== 0; slot = cells[slot + part.next] ?? 0) {
        if (cells[slot + part.hashLow] !== low || cells[slot + part.hashHigh] !== high) continue;
        cells[slot + part.references] = (cells[slot + part.references] ?? 0) + 1;
        return slot + part.values;
      }
      const slot = this.#take(Math.ceil((count + part.values) / slotCells));
      if (slot === undefined) return undefined;
      cells[slot + part.references] = 1;
      cells[slot + part.hashLow] = low;
      cells[slot + part.hashHigh] = high;
      cells[slot + part.next] = cells[bucket] ?? 0;
      cells[bucket] = slot;
      return slot + part.values;
    });
  }

  /** Lets go what {@link acquire} has given; whoever asks after the last one begins at 0. */
  release(first: number): void {
    const slot = first - part.values;
    const { cells } = this;
    locked(cells, header.lock, () => {
      const left = (cells[slot + part.references] ?? 0) - 1;
      cells[slot + part.references] = left;
      if (left > 0) return;
      let at = bucketOf(cells[slot + part.hashLow] ?? 0);
      while (cells[at] !== slot) at = (cells[at] ?? 0) + part.next;
      cells[at] = cells[slot + part.next] ?? 0;
      cells.fill(0, slot, slot + slotCells);
      cells[slot + part.next] = cells[header.free] ?? 0;
      cells[header.free] = slot;
    });
  }

  /** The first of so many slots in a row that nobody has, all their cells 0. */
  #take(slots: number): number | undefined {
    const { cells } = this;
    const free = cells[header.free] ?? 0;
    if (free !== 0 && slots === 1) {
      cells[header.free] = cells[free + part.next] ?? 0;
      return free;
    }
    const used = cells[header.slots] ?? 0;
    if (used + slots > maxSlots) return undefined;
    cells[header.slots] = used + slots;
    return slotsAt + used * slotCells;
  }
}

/** Cells that a name has. */
export const slotValues = slotCells - part.values;

function bucketOf(hashLow: number): number {
  return bucketsAt + (hashLow & (buckets - 1));
}

/** FNV-1a over UTF-16, its bits mixed at the end; names come from configuration, not from clients. */
function hash(name: string, seed: number): number {
  let value = seed;
  for (let i = 0; i < name.length; i++) value = Math.imul(value ^ name.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return value ^ (value >>> 13);
}
