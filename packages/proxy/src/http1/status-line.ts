import { reasonPhrase } from './reason-phrase.ts';

const lines: (Uint8Array | undefined)[] = [];

/** `HTTP/1.1 404 Not Found\r\n`, made once for each status. */
export function statusLine(status: number): Uint8Array {
  return (lines[status] ??= Buffer.from(`HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`, 'latin1'));
}
