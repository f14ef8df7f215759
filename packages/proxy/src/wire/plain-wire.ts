import { HandleWire } from './handle-wire.ts';
import type { SocketHandle } from './socket-handle.ts';
import type { TlsInfo } from './tls-info.ts';
import type { LoopEndOwner } from './turn.ts';

/** What the kernel has not taken and may wait for a slow peer. */
const highWaterBytes = 64 * 1024;

/** A connection without TLS. */
export class PlainWire extends HandleWire implements LoopEndOwner {
  readonly tls: TlsInfo | undefined = undefined;

  get fd(): number {
    return this.handle.fd;
  }

  /** Gives the handle up; the wire is dead. */
  detach(): SocketHandle {
    this.closed = true;
    this.handle.disown();
    return this.handle;
  }

  flushOutput(buffer: Buffer, length: number): boolean {
    if (this.closed || this.sending !== 'open') return true;
    this.bytes.sent += length;
    return this.send(buffer, length);
  }

  /** Writes `bytes[0, length)`; false where they must stay as they are until they have left. */
  protected send(bytes: Buffer, length: number): boolean {
    const status = this.handle.write(bytes, length);
    if (status === 0) return true;
    if (status < 0) {
      this.fail(status, 'write');
      return true;
    }
    this.wait(status, highWaterBytes);
    return false;
  }

  end(): void {
    this.turn.flushOwner(this);
    if (this.closed || this.sending !== 'open') return;
    this.sending = 'closing';
    // The peer often ends in the same pass of the event loop; then closing says all in one call.
    if (this.readEnded) this.onLoopEnd();
    else this.turn.atLoopEnd(this);
  }

  onLoopEnd(): void {
    if (this.closed) return;
    if (this.readEnded && this.pendingBytes === 0 && this.tls === undefined) this.destroy();
    else this.finishSending();
  }

  protected finishSending(): void {
    if (this.handle.shutdown()) this.onHandleShutdown();
  }

  protected close(reset: boolean): void {
    this.handle.close(reset);
  }
}
