import type { HealthCheck } from '../../model/cluster.ts';
import { encodeRequest } from '../../redis/resp-writer.ts';
import { ReplyReader, RespError, type Reply } from '../../redis/resp-reader.ts';
import type { Wire } from '../../wire/wire.ts';
import type { PendingConnection } from '../connector.ts';
import type { Host } from '../host.ts';
import type { Probe, ProbeContext, ProbeResult } from './probe.ts';

type RedisCheck = Extract<HealthCheck['check'], { kind: 'redis' }>;

const keyIsMissing = ':0\r\n';
const pong = '+PONG\r\n';
const welcome = '+OK\r\n';

/**
 * Sends `PING`, or asks for a key: while it is there the host is not to be used (Envoy,
 * `envoy.health_checkers.redis`). Where the cluster has a password it comes first.
 */
export class RedisProbe implements Probe {
  readonly #request: Buffer;
  readonly #good: string;
  readonly #greeting: Buffer;
  readonly #host: Host;
  readonly #context: ProbeContext;
  #pending: PendingConnection | undefined;
  #wire: Wire | undefined;
  #greeted = true;
  #done: ((result: ProbeResult) => void) | undefined;

  constructor({ key }: RedisCheck, greeting: Buffer, host: Host, context: ProbeContext) {
    this.#request = encodeRequest(key === '' ? ['PING'] : ['EXISTS', key]);
    this.#good = key === '' ? pong : keyIsMissing;
    this.#greeting = greeting;
    this.#host = host;
    this.#context = context;
  }

  run(done: (result: ProbeResult) => void): void {
    this.#done = done;
    if (this.#wire !== undefined) {
      this.#send(this.#request);
      return;
    }
    this.#pending = this.#context.connector.connect(this.#host, {
      onConnected: (wire) => this.#connected(wire),
      onFailed: () => this.#finish('network'),
    });
  }

  cancel(): void {
    this.#done = undefined;
    this.#pending?.cancel();
    this.#pending = undefined;
    const wire = this.#wire;
    this.#wire = undefined;
    wire?.destroy();
  }

  close(): void {
    this.cancel();
  }

  #connected(wire: Wire): void {
    this.#pending = undefined;
    this.#wire = wire;
    this.#greeted = this.#greeting.length === 0;
    const reader = new ReplyReader((reply) => this.#onReply(reply));
    // The end of a connection that was given up is no answer to the check after it.
    const lost = (): void => {
      if (this.#wire === wire) this.#finish('network');
    };
    wire.handler = {
      onBytes: (buffer, start, end) => {
        try {
          reader.push(buffer, start, end);
        } catch (error) {
          if (!(error instanceof RespError)) throw error;
          this.#finish('network');
        }
      },
      onEnd: lost,
      onDrain() {},
      onClose: lost,
    };
    if (!this.#greeted) this.#send(this.#greeting);
    this.#send(this.#request);
  }

  #send(bytes: Buffer): void {
    this.#wire?.write(bytes, 0, bytes.length);
  }

  #onReply(reply: Reply): void {
    const text = reply.toString('latin1');
    if (!this.#greeted) {
      this.#greeted = true;
      if (text !== welcome) this.#finish('refused');
      return;
    }
    this.#finish(text === this.#good ? 'success' : 'refused');
  }

  #finish(result: ProbeResult): void {
    const done = this.#done;
    this.#done = undefined;
    if (result !== 'success' || done === undefined || !this.#context.reuseConnection) this.cancel();
    done?.(result);
  }
}
