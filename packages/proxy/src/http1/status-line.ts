import { reasonPhrase } from './reason-phrase.ts';

const lines: (Uint8Array | undefined)[] = [];
const oldLines: (Uint8Array | undefined)[] = [];

/** `HTTP/1.1 404 Not Found\r\n`, made once for each status; in the version of the client (Envoy). */
export function statusLine(status: number, minorVersion: number): Uint8Array {
  const known = minorVersion === 1 ? lines : oldLines;
  return (known[status] ??= Buffer.from(
    `HTTP/1.${minorVersion} ${status} ${reasonPhrase(status)}\r\n`,
    'latin1',
  ));
}
