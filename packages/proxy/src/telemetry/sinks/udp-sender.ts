import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

/** Sends lines in datagrams; what does not arrive is lost, as UDP is. */
export class UdpSender {
  readonly #socket: Socket;
  readonly #to: { readonly address: string; readonly port: number };
  readonly #maxBytes: number;

  /** `maxBytes`: as many lines as fit share a datagram; 0: each line has one of its own. */
  constructor(to: { readonly address: string; readonly port: number }, maxBytes: number) {
    this.#to = to;
    this.#maxBytes = maxBytes;
    this.#socket = createSocket(isIPv6(to.address) ? 'udp6' : 'udp4');
    this.#socket.unref();
    this.#socket.on('error', () => {});
  }

  send(lines: readonly string[]): void {
    let datagram = '';
    for (const line of lines) {
      if (datagram !== '' && datagram.length + 1 + line.length > this.#maxBytes) {
        this.#sendOne(datagram);
        datagram = '';
      }
      datagram = datagram === '' ? line : `${datagram}\n${line}`;
    }
    if (datagram !== '') this.#sendOne(datagram);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #sendOne(text: string): void {
    this.#socket.send(text, this.#to.port, this.#to.address, () => {});
  }
}
