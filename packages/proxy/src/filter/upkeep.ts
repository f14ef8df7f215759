/** Something that goes on by itself while a listener is in force. */
export interface UpkeepTask {
  /** Begins; answers with what the listener waits for before it takes connections. Undefined: nothing. */
  start(): Promise<void> | undefined;
  stop(): void;
}

/** All that goes on by itself for one version of a listener. */
export class Upkeep implements UpkeepTask {
  readonly #tasks: UpkeepTask[] = [];
  #state: 'before' | 'running' | 'over' = 'before';

  add(task: UpkeepTask): void {
    this.#tasks.push(task);
    if (this.#state === 'running') void task.start();
  }

  /** Begins what has not begun. */
  start(): Promise<void> | undefined {
    if (this.#state !== 'before') return undefined;
    this.#state = 'running';
    const waits = this.#tasks.flatMap((task) => task.start() ?? []);
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => {});
  }

  /** Ends all for good. */
  stop(): void {
    if (this.#state === 'running') for (const task of this.#tasks) task.stop();
    this.#state = 'over';
  }
}
