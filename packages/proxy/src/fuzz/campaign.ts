import { mutate, seeded } from './mutate.ts';
import type { FuzzTarget } from './target.ts';

/** Inputs between two looks at what was covered. */
const batchSize = 64;
const maxPool = 4_000;

/** An input that a parser does not stand. */
export class Finding extends Error {
  readonly input: Buffer;

  constructor(target: FuzzTarget, input: Buffer, cause: unknown) {
    const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(`${target.name}: ${text}\ninput: ${JSON.stringify(input.toString('latin1'))}`, { cause });
    this.input = input;
  }
}

function feed(target: FuzzTarget, input: Buffer): void {
  try {
    // A parser may write into what it is given.
    target.run(Buffer.from(input));
  } catch (error) {
    throw new Finding(target, input, error);
  }
}

export interface CampaignOptions {
  readonly seed: number;
  /** True while there is time. */
  readonly goesOn: (runs: number) => boolean;
  /** How much of the program has been reached; inputs of a batch that reached more are changed further. */
  readonly covered?: () => number;
}

/** Feeds a target its seeds, then changed ones; throws the first {@link Finding}. Answers with the number of inputs. */
export function runCampaign(target: FuzzTarget, { seed, goesOn, covered }: CampaignOptions): number {
  const random = seeded(seed);
  const pool = [...target.seeds];
  if (pool.length === 0) pool.push(Buffer.alloc(0));
  for (const input of pool) feed(target, input);
  let runs = pool.length;
  let reached = covered?.() ?? 0;
  while (goesOn(runs)) {
    const batch: Buffer[] = [];
    for (let i = 0; i < batchSize; i++) {
      const input = pool[Math.floor(random() * pool.length)] as Buffer;
      batch.push(mutate(input, pool, target.words, random));
    }
    for (const input of batch) feed(target, input);
    runs += batch.length;
    if (covered === undefined) continue;
    const now = covered();
    if (now > reached) {
      reached = now;
      for (const input of batch) {
        if (pool.length < maxPool) pool.push(input);
        else pool[Math.floor(random() * pool.length)] = input;
      }
    }
  }
  return runs;
}
