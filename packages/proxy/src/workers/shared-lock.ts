/** Runs `run` while no other thread holds the lock in this cell; waits for it where one does. */
export function locked<T>(cells: Int32Array, lock: number, run: () => T): T {
  while (Atomics.compareExchange(cells, lock, 0, 1) !== 0) Atomics.wait(cells, lock, 1);
  try {
    return run();
  } finally {
    Atomics.store(cells, lock, 0);
    Atomics.notify(cells, lock, 1);
  }
}
