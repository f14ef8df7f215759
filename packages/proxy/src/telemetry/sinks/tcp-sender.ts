import type { ClusterRef } from '../../cluster/cluster-set.ts';
import type { ConnectListener, PendingConnection } from '../../cluster/connector.ts';
import type { HostRequest } from '../../cluster/host-request.ts';
import type { Turn } from '../../wire/turn.ts';
import type { Wire } from '../../wire/wire.ts';

/** What may wait for a peer that does not read; lines beyond it are lost. */
const maxPendingBytes = 1024 * 1024;

const anyHost: HostRequest = {
  selection: 0,
  subset: undefined,
  originalDestination: undefined,
  hash: () => undefined,
};

/** Sends lines on a connection to an endpoint of a cluster, which is made anew when it is gone. */
export class TcpSender implements ConnectListener {
  readonly #cluster: ClusterRef;
  readonly #turn: Turn;
  #wire: Wire | undefined;
  #connecting: PendingConnection | undefined;
  #waiting = '';
  #closed = false;

  constructor(cluster: ClusterRef, turn: Turn) {
    this.#cluster = cluster;
    this.#turn = turn;
  }

  send(lines: readonly string[]): void {
    if (lines.length === 0 || this.#closed) return;
    const text = `${lines.join('\n')}\n`;
    if (this.#wire !== undefined) {
      this.#write(this.#wire, text);
      return;
    }
    if (this.#waiting.length + text.length <= maxPendingBytes) this.#waiting += text;
    this.#connect();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#connecting?.cancel();
    const wire = this.#wire;
    if (wire !== undefined) this.#inTurn(() => wire.end());
    return Promise.resolve();
  }

  onConnected(wire: Wire): void {
    this.#connecting = undefined;
    this.#wire = wire;
    const gone = (): void => {
      this.#wire = undefined;
    };
    wire.handler = {
      onBytes() {},
      onEnd: () => wire.end(),
      onDrain() {},
      onClose: gone,
    };
    const text = this.#waiting;
    this.#waiting = '';
    this.#write(wire, text);
  }

  onFailed(): void {
    this.#connecting = undefined;
    // What is told next is worth more than what was.
    this.#waiting = '';
  }

  #connect(): void {
    if (this.#connecting !== undefined) return;
    const { cluster } = this.#cluster;
    const host = cluster?.chooseHost(anyHost);
    if (cluster === undefined || host === undefined) {
      this.#waiting = '';
      return;
    }
    this.#connecting = cluster.connector.connect(host, this);
  }

  #write(wire: Wire, text: string): void {
    if (wire.pendingBytes > maxPendingBytes) return;
    const bytes = Buffer.from(text);
    this.#inTurn(() => wire.write(bytes, 0, bytes.length));
  }

  #inTurn(run: () => void): void {
    this.#turn.enter();
    try {
      run();
    } finally {
      this.#turn.leave();
    }
  }
}
