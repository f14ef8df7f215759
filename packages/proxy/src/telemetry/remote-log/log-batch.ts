import type { Clock, Timer } from '@lateen/core';
import { NumberGroup } from '../number-group.ts';

const statNames = {
  written: ['logs_written', 'counter'],
  dropped: ['logs_dropped', 'counter'],
} as const;

/** Envoy's `access_logs.grpc_access_log.…` and `access_logs.open_telemetry_access_log.…`. */
export class RemoteLogStats extends NumberGroup<typeof statNames> {
  /** `name` as in `open_telemetry_access_log.mine.`. */
  constructor(name: string) {
    super(`access_logs.${name}`, `envoy_access_logs_${name.replace(/[^a-zA-Z0-9_]/g, '_')}`, {}, statNames);
  }
}

/** Sends records that are encoded; `done` is called once, `true` where the service has taken them. */
export type SendRecords = (records: readonly Uint8Array[], done: (taken: boolean) => void) => void;

export interface LogBatchOptions {
  /** Sent when so many bytes wait. */
  readonly bufferBytes: number;
  /** Sent after this at the latest. */
  readonly flushIntervalMs: number;
}

/** What may wait for a service that does not keep up; what is beyond it is lost. */
const maxWaitingBytes = 1024 * 1024;
/** Messages that are under way at a time. */
const maxUnderWay = 4;

/** Gathers records for a service. One that does not keep up costs records, which are counted, and no request waits. */
export class LogBatch {
  readonly #options: LogBatchOptions;
  readonly #clock: Clock;
  readonly #send: SendRecords;
  readonly #stats: RemoteLogStats;
  #records: Uint8Array[] = [];
  #bytes = 0;
  #underWay = 0;
  #timer: Timer | undefined;
  #idle: (() => void) | undefined;

  constructor(options: LogBatchOptions, clock: Clock, send: SendRecords, stats: RemoteLogStats) {
    this.#options = options;
    this.#clock = clock;
    this.#send = send;
    this.#stats = stats;
  }

  add(record: Uint8Array): void {
    if (this.#bytes + record.length > maxWaitingBytes) {
      this.#stats.n.dropped++;
      return;
    }
    this.#records.push(record);
    this.#bytes += record.length;
    if (this.#bytes >= this.#options.bufferBytes) this.flush();
    else this.#timer ??= this.#clock.after(this.#options.flushIntervalMs, this.#onTimer);
  }

  /** Sends what waits, unless as much as may be is under way. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#records.length === 0 || this.#underWay >= maxUnderWay) return;
    const records = this.#records;
    this.#records = [];
    this.#bytes = 0;
    this.#underWay++;
    this.#send(records, (taken) => {
      this.#underWay--;
      const { n } = this.#stats;
      if (taken) n.written += records.length;
      else n.dropped += records.length;
      if (this.#bytes >= this.#options.bufferBytes || this.#idle !== undefined) this.flush();
      else if (this.#records.length > 0)
        this.#timer ??= this.#clock.after(this.#options.flushIntervalMs, this.#onTimer);
      if (this.#underWay === 0) this.#idle?.();
    });
  }

  /** Sends what is left; resolves when everything is answered. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle = resolve;
    this.flush();
    if (this.#underWay === 0) resolve();
    return promise;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.flush();
  };
}
