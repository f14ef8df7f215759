import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

/** Sends lines in datagrams; what does not arrive is lost, as UDP is. */
export class UdpSender {
  readonly #socket: Socket;
  readonly #to: { readonly address: string; readonly port: number };
  readonly #maxBytes: number;
  /** Datagrams that the socket has not sent yet: those that it has when it is closed are lost. */
  #underWay = 0;
  #closing: PromiseWithResolvers<void> | undefined;

  /** `maxBytes`: as many lines as fit share a datagram; 0: each line has one of its own. */
  constructor(to: { readonly address: string; readonly port: number }, maxBytes: number) {
    this.#to = to;
    this.#maxBytes = maxBytes;
    this.#socket = createSocket(isIPv6(to.address) ? 'udp6' : 'udp4');
    this.#socket.unref();
    this.#socket.on('error', () => {});
  }

  send(lines: readonly string[]): void {
    if (this.#closing !== undefined) return;
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

  /** Resolves when everything is sent; what comes after this call is not. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = Promise.withResolvers();
      this.#closeIfDone();
    }
    return this.#closing.promise;
  }

  #sendOne(text: string): void {
    this.#underWay++;
    this.#socket.send(text, this.#to.port, this.#to.address, () => {
      this.#underWay--;
      this.#closeIfDone();
    });
  }

  #closeIfDone(): void {
    const closing = this.#closing;
    if (closing !== undefined && this.#underWay === 0) this.#socket.close(() => closing.resolve());
  }
}
