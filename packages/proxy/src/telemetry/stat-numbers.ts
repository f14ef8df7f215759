/** Statistics by field: Envoy's name and whether the number only grows. */
export type StatNames = Readonly<Record<string, readonly [name: string, kind: 'counter' | 'gauge']>>;

/** A number for each of the names, all zero. */
export function zeroesOf<N extends StatNames>(names: N): Record<keyof N, number> {
  // Through JSON, so that V8 gives the object fixed slots and counting is a plain store.
  return JSON.parse(JSON.stringify(Object.fromEntries(Object.keys(names).map((field) => [field, 0]))));
}

/** Statistics that only some clusters have, within those of the cluster. */
export class StatNumbers<N extends StatNames> {
  readonly #names: N;
  readonly n: Record<keyof N, number>;

  constructor(names: N) {
    this.#names = names;
    this.n = zeroesOf(names);
  }

  visit(number: (name: string, kind: 'counter' | 'gauge', value: number) => void): void {
    for (const [field, [name, kind]] of Object.entries(this.#names))
      number(name, kind, this.n[field as keyof N]);
  }

  resetCounters(): void {
    for (const [field, [, kind]] of Object.entries(this.#names)) {
      if (kind === 'counter') this.n[field as keyof N] = 0;
    }
  }
}
