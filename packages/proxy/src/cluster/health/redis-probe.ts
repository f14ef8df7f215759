import type { HealthCheck } from '../../model/cluster.ts';
import { encodeRequest } from '../../redis/resp-writer.ts';
import { ReplyReader, RespError, type Reply } from '../../redis/resp-reader.ts';
import type { Wire } from '../../wire/wire.ts';
import type { Host } from '../host.ts';
import { ConnectionProbe } from './connection-probe.ts';
import type { ProbeContext } from './probe.ts';

type RedisCheck = Extract<HealthCheck['check'], { kind: 'redis' }>;

const keyIsMissing = ':0\r\n';
const pong = '+PONG\r\n';
const welcome = '+OK\r\n';

/**
 * Sends `PING`, or asks for a key: while it is there the host is not to be used (Envoy,
 * `envoy.health_checkers.redis`). Where the cluster has a password it comes first.
 */
export class RedisProbe extends ConnectionProbe {
  readonly #request: Buffer;
  readonly #good: string;
  readonly #greeting: Buffer;
  #greeted = true;
  #reader = new ReplyReader((reply) => this.#onReply(reply));

  constructor({ key }: RedisCheck, greeting: Buffer, host: Host, context: ProbeContext) {
    super(host, context);
    this.#request = encodeRequest(key === '' ? ['PING'] : ['EXISTS', key]);
    this.#good = key === '' ? pong : keyIsMissing;
    this.#greeting = greeting;
  }

  protected greet(wire: Wire): void {
    this.#greeted = this.#greeting.length === 0;
    this.#reader = new ReplyReader((reply) => this.#onReply(reply));
    if (!this.#greeted) wire.write(this.#greeting, 0, this.#greeting.length);
  }

  protected begin(wire: Wire): void {
    wire.write(this.#request, 0, this.#request.length);
  }

  protected onBytes(buffer: Buffer, start: number, end: number): void {
    try {
      this.#reader.push(buffer, start, end);
    } catch (error) {
      if (!(error instanceof RespError)) throw error;
      this.finish('network', false);
    }
  }

  #onReply(reply: Reply): void {
    const text = reply.toString('latin1');
    if (!this.#greeted) {
      this.#greeted = true;
      if (text !== welcome) this.finish('refused', false);
      return;
    }
    this.finish(text === this.#good ? 'success' : 'refused', true);
  }
}
