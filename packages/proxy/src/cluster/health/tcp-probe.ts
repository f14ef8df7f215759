import type { HealthCheck } from '../../model/cluster.ts';
import type { Wire } from '../../wire/wire.ts';
import type { Host } from '../host.ts';
import { headerFor } from '../upstream-proxy-header.ts';
import { ConnectionProbe } from './connection-probe.ts';
import type { ProbeContext } from './probe.ts';

/** An answer may be so long. */
const maxAnswerBytes = 64 * 1024;

type TcpCheck = Extract<HealthCheck['check'], { kind: 'tcp' }>;

/** Connects; with bytes to send, sends them and waits until all blocks were received in their order, whatever stands between them. */
export class TcpProbe extends ConnectionProbe {
  readonly #check: TcpCheck;
  #answer: Buffer = Buffer.alloc(0);

  constructor(check: TcpCheck, host: Host, context: ProbeContext) {
    super(host, context);
    this.#check = check;
  }

  protected greet(wire: Wire): void {
    const { proxyProtocol } = this.#check;
    if (proxyProtocol === undefined) return;
    const header = headerFor(proxyProtocol, wire, undefined);
    wire.write(header, 0, header.length);
  }

  protected begin(wire: Wire): void {
    const { send, receive } = this.#check;
    this.#answer = Buffer.alloc(0);
    if (send !== undefined) wire.write(send, 0, send.length);
    // Where nothing is received a connection is what is checked.
    if (receive.length === 0) this.finish('success', false);
  }

  protected onBytes(buffer: Buffer, start: number, end: number): void {
    // What comes between checks is no answer.
    if (!this.isRunning) return;
    this.#answer = Buffer.concat([this.#answer, buffer.subarray(start, end)]);
    if (hasInOrder(this.#answer, this.#check.receive)) this.finish('success', true);
    else if (this.#answer.length > maxAnswerBytes) this.finish('network', false);
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
