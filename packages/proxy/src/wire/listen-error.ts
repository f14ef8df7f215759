import { codeOf } from '@lateen/core';

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process has the address: choose another port, or end that one (`ss -ltnp` names it)',
  EACCES: 'it is not permitted: ports below 1024 need CAP_NET_BIND_SERVICE, a pipe a folder to write to',
  EADDRNOTAVAIL: 'this host has no such address',
  ENOENT: 'the folder of the pipe is not there',
};

/** Why an address cannot be listened on, with what to do about it and the system's code; `place` as in `127.0.0.1:80`. */
export function listenErrorText(place: string, error: unknown): string {
  const code = codeOf(error) ?? '';
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  return `cannot listen on ${place}: ${reason}${code in reasons ? ` (${code})` : ''}`;
}
