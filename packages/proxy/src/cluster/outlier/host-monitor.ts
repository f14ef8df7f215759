/** Requests of one interval: how many there were, and per cent of success. */
export interface IntervalRate {
  readonly rate: number;
  readonly volume: number;
}

/** Whose failure is counted: the endpoint's answer, or that it could not be reached. */
export type FailureOrigin = 'external' | 'local';

/** Failures in a row of one kind. */
export type FailureStreak = '5xx' | 'gateway' | 'local';

/** What outlier detection knows of one host; lives as long as the host. */
export abstract class HostMonitor {
  /** Of the last interval; -1: too few requests. */
  externalSuccessRate = -1;
  localSuccessRate = -1;
  ejectedAtMs = 0;
  jitterMs = 0;
  /** By what the base ejection time is multiplied: grows with each ejection, shrinks with each good interval. */
  ejectionFactor = 0;

  /** Notes a request of this interval. */
  abstract note(origin: FailureOrigin, success: boolean): void;
  /** One more failure; how many there are now in a row. */
  abstract lengthen(streak: FailureStreak): number;
  abstract end(streak: FailureStreak): void;
  /** Requests of the interval so far, and how many succeeded; forgets them. */
  protected abstract takeCounts(origin: FailureOrigin): readonly [total: number, success: number];

  /** Ends the interval; undefined where it had fewer requests than that. */
  take(origin: FailureOrigin, minimumVolume: number): IntervalRate | undefined {
    const [volume, success] = this.takeCounts(origin);
    return volume === 0 || volume < minimumVolume ? undefined : { rate: (100 * success) / volume, volume };
  }

  endAll(): void {
    this.end('5xx');
    this.end('gateway');
    this.end('local');
  }
}

/** Of a process with one thread. */
export class OwnHostMonitor extends HostMonitor {
  #streak5xx = 0;
  #streakGateway = 0;
  #streakLocal = 0;
  #external = 0;
  #externalSuccess = 0;
  #local = 0;
  #localSuccess = 0;

  note(origin: FailureOrigin, success: boolean): void {
    if (origin === 'external') {
      this.#external++;
      if (success) this.#externalSuccess++;
    } else {
      this.#local++;
      if (success) this.#localSuccess++;
    }
  }

  lengthen(streak: FailureStreak): number {
    if (streak === '5xx') return ++this.#streak5xx;
    return streak === 'gateway' ? ++this.#streakGateway : ++this.#streakLocal;
  }

  end(streak: FailureStreak): void {
    if (streak === '5xx') this.#streak5xx = 0;
    else if (streak === 'gateway') this.#streakGateway = 0;
    else this.#streakLocal = 0;
  }

  protected takeCounts(origin: FailureOrigin): readonly [number, number] {
    const counts =
      origin === 'external'
        ? ([this.#external, this.#externalSuccess] as const)
        : ([this.#local, this.#localSuccess] as const);
    if (origin === 'external') this.#external = this.#externalSuccess = 0;
    else this.#local = this.#localSuccess = 0;
    return counts;
  }
}

const streakCell = { '5xx': 0, gateway: 1, local: 2 } as const;
const totalCell = { external: 3, local: 5 } as const;

/** Of all threads of a process together, as Envoy's are. */
export class SharedHostMonitor extends HostMonitor {
  readonly #cells: Int32Array;
  readonly #at: number;

  /** `at`: the first of seven cells. */
  constructor(cells: Int32Array, at: number) {
    super();
    this.#cells = cells;
    this.#at = at;
  }

  note(origin: FailureOrigin, success: boolean): void {
    const at = this.#at + totalCell[origin];
    Atomics.add(this.#cells, at, 1);
    if (success) Atomics.add(this.#cells, at + 1, 1);
  }

  lengthen(streak: FailureStreak): number {
    return Atomics.add(this.#cells, this.#at + streakCell[streak], 1) + 1;
  }

  end(streak: FailureStreak): void {
    const at = this.#at + streakCell[streak];
    // Looked at first, as most requests succeed: what is only read does not go from one processor to another.
    if (Atomics.load(this.#cells, at) !== 0) Atomics.store(this.#cells, at, 0);
  }

  protected takeCounts(origin: FailureOrigin): readonly [number, number] {
    const at = this.#at + totalCell[origin];
    const total = Atomics.exchange(this.#cells, at, 0);
    // A request that ends between the two counts for one interval by the one and for the next by the other.
    return [total, Math.min(total, Atomics.exchange(this.#cells, at + 1, 0))];
  }
}
