/** Statistics by field: Envoy's name and whether the number only grows. */
export type StatNames = Readonly<Record<string, readonly [name: string, kind: 'counter' | 'gauge']>>;

/** Told of each number by Envoy's name. */
export type NumberVisitor = (name: string, kind: 'counter' | 'gauge', value: number) => void;

/** A number for each of the names, all zero. */
export function zeroesOf<N extends StatNames>(names: N): Record<keyof N, number> {
  // Through JSON, so that V8 gives the object fixed slots and counting is a plain store.
  return JSON.parse(JSON.stringify(Object.fromEntries(Object.keys(names).map((field) => [field, 0]))));
}

/** Tells of the numbers by Envoy's names. */
export function visitNumbers<N extends StatNames>(
  names: N,
  n: Readonly<Record<keyof N, number>>,
  number: NumberVisitor,
): void {
  for (const [field, [name, kind]] of Object.entries(names)) number(name, kind, n[field as keyof N]);
}

/** Sets to zero what only grows. */
export function resetCountersOf<N extends StatNames>(names: N, n: Record<keyof N, number>): void {
  for (const [field, [, kind]] of Object.entries(names)) if (kind === 'counter') n[field as keyof N] = 0;
}

/** Statistics that only some clusters have, within those of the cluster. */
export class StatNumbers<N extends StatNames> {
  readonly #names: N;
  readonly n: Record<keyof N, number>;

  constructor(names: N) {
    this.#names = names;
    this.n = zeroesOf(names);
  }

  visit(number: NumberVisitor): void {
    visitNumbers(this.#names, this.n, number);
  }

  resetCounters(): void {
    resetCountersOf(this.#names, this.n);
  }
}
