import type { HealthCheck } from '../../model/cluster.ts';
import type { Wire } from '../../wire/wire.ts';
import type { PendingConnection } from '../connector.ts';
import { headerFor } from '../upstream-proxy-header.ts';
import type { Host } from '../host.ts';
import type { Probe, ProbeContext, ProbeResult } from './probe.ts';

/** An answer may be so long. */
const maxAnswerBytes = 64 * 1024;

type TcpCheck = Extract<HealthCheck['check'], { kind: 'tcp' }>;

/** Connects; with bytes to send, sends them and waits until all blocks were received in their order, whatever stands between them. */
export class TcpProbe implements Probe {
  readonly #check: TcpCheck;
  readonly #host: Host;
  readonly #context: ProbeContext;
  #pending: PendingConnection | undefined;
  #wire: Wire | undefined;
  #answer: Buffer = Buffer.alloc(0);
  #done: ((result: ProbeResult) => void) | undefined;

  constructor(check: TcpCheck, host: Host, context: ProbeContext) {
    this.#check = check;
    this.#host = host;
    this.#context = context;
  }

  run(done: (result: ProbeResult) => void): void {
    this.#done = done;
    this.#answer = Buffer.alloc(0);
    if (this.#wire !== undefined) {
      this.#send(this.#wire);
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
    // The end of a connection that was given up is no answer to the check after it.
    const lost = (): void => {
      if (this.#wire === wire) this.#finish('network');
    };
    wire.handler = {
      onBytes: (buffer, start, end) => this.#received(buffer, start, end),
      onEnd: lost,
      onDrain() {},
      onClose: lost,
    };
    const { receive, proxyProtocol } = this.#check;
    if (proxyProtocol !== undefined) {
      const header = headerFor(proxyProtocol, wire, undefined);
      wire.write(header, 0, header.length);
    }
    this.#send(wire);
    if (receive.length === 0) this.#finish('success');
  }

  #send(wire: Wire): void {
    const { send } = this.#check;
    if (send !== undefined) wire.write(send, 0, send.length);
  }

  #received(buffer: Buffer, start: number, end: number): void {
    // What comes between checks is no answer.
    if (this.#done === undefined) return;
    this.#answer = Buffer.concat([this.#answer, buffer.subarray(start, end)]);
    if (hasInOrder(this.#answer, this.#check.receive)) this.#finish('success');
    else if (this.#answer.length > maxAnswerBytes) this.#finish('network');
  }

  #finish(result: ProbeResult): void {
    const done = this.#done;
    this.#done = undefined;
    // Where nothing is received a connection is what is checked.
    const keeps =
      this.#context.reuseConnection &&
      this.#check.receive.length > 0 &&
      result === 'success' &&
      done !== undefined;
    if (!keeps) this.cancel();
    done?.(result);
  }
}

function hasInOrder(answer: Buffer, blocks: readonly Uint8Array[]): boolean {
  let from = 0;
  for (const block of blocks) {
    const at = answer.indexOf(block, from);
    if (at < 0) return false;
    from = at + block.length;
  }
  return true;
}
