import { Histogram } from './histogram.ts';

const histogramNames = ['durationMs', 'requestBytes', 'responseBytes'] as const;

/** Bounds of buckets that are not Envoy's. */
export type RequestBounds = Readonly<Record<(typeof histogramNames)[number], readonly number[] | undefined>>;

/** What is counted of requests that have all labels in common. */
export class RequestCell {
  count = 0;
  readonly durationMs = new Histogram();
  readonly requestBytes = new Histogram();
  readonly responseBytes = new Histogram();

  constructor(bounds: RequestBounds | undefined) {
    if (bounds === undefined) return;
    for (const name of histogramNames) {
      const own = bounds[name];
      if (own !== undefined) this[name].setBounds(own);
    }
  }

  reset(): void {
    this.count = 0;
    this.durationMs.reset();
    this.requestBytes.reset();
    this.responseBytes.reset();
  }
}

/** The messages of gRPC requests that have in common all labels that are known before their end. */
export class MessageCell {
  /** False before anything was counted. */
  used = false;
  requests = 0;
  responses = 0;

  reset(): void {
    this.used = false;
    this.requests = 0;
    this.responses = 0;
  }
}

/** What is counted of TCP connections that have all labels in common. */
export class ConnectionCell {
  opened = 0;
  closed = 0;
  sentBytes = 0;
  receivedBytes = 0;

  reset(): void {
    this.opened = 0;
    this.closed = 0;
    this.sentBytes = 0;
    this.receivedBytes = 0;
  }
}

/**
 * Cells by two things that are compared by identity and a number: found by three look-ups, without making a
 * text of labels. A limit keeps names that somebody invents from filling the memory: what is beyond it shares
 * one cell.
 */
export class CellTable<A extends object, B extends object, Cell> {
  readonly #cells = new Map<A, Map<B, Map<number, Cell>>>();
  readonly #create: () => Cell;
  readonly #limit: number;
  readonly #overflow: readonly [A, B];
  #size = 0;
  /** What was asked for last. */
  #last: { readonly a: A; readonly b: B; readonly code: number; readonly cell: Cell } | undefined;

  constructor(create: () => Cell, overflow: readonly [A, B], limit = 10_000) {
    this.#create = create;
    this.#limit = limit;
    this.#overflow = overflow;
  }

  get(a: A, b: B, code: number): Cell {
    const last = this.#last;
    // One request after the other is for the same service with the same end.
    if (last !== undefined && last.a === a && last.b === b && last.code === code) return last.cell;
    const cell = this.#cells.get(a)?.get(b)?.get(code);
    if (cell === undefined) return this.#add(a, b, code);
    this.#last = { a, b, code, cell };
    return cell;
  }

  #add(a: A, b: B, code: number): Cell {
    const [overflowA, overflowB] = this.#overflow;
    const isOverflow = a === overflowA && b === overflowB;
    // Nothing is kept of what is beyond the limit, not even that it came.
    if (this.#size >= this.#limit && !isOverflow) return this.get(overflowA, overflowB, code);
    let second = this.#cells.get(a);
    if (second === undefined) this.#cells.set(a, (second = new Map()));
    let third = second.get(b);
    if (third === undefined) second.set(b, (third = new Map()));
    this.#size++;
    const cell = this.#create();
    third.set(code, cell);
    return cell;
  }

  forEach(visit: (a: A, b: B, code: number, cell: Cell) => void): void {
    for (const [a, second] of this.#cells) {
      for (const [b, third] of second) for (const [code, cell] of third) visit(a, b, code, cell);
    }
  }
}
