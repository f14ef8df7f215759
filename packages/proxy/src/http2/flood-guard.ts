import { FloodBudget } from './flood-budget.ts';

/** What a peer may send of the frames that cost it nothing, over the life of one connection. */
export class FloodGuard {
  readonly settings = new FloodBudget(100, 1);
  readonly ping = new FloodBudget(200, 20);
  readonly priority = new FloodBudget(1_000, 100);
  readonly windowUpdate = new FloodBudget(2_000, 1_000);
  /** DATA that brings nothing and ends nothing. */
  readonly empty = new FloodBudget(200, 20);
}
