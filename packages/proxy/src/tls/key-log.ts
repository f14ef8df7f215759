import { accessSync, closeSync, constants, existsSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '@lateen/core';
import { compileIpRange } from '../decide/ip-range.ts';
import type { TlsKeyLog } from '../model/tls.ts';
import type { LogWriter } from '../telemetry/log-files.ts';

/** The addresses of a connection's two ends. */
export interface ConnectionEnds {
  readonly local: string;
  readonly remote: string;
}

/** Which connections' session keys are written down, and where; for who looks into recorded traffic (NSS key log format). */
export interface KeyLog {
  readonly covers: (ends: ConnectionEnds) => boolean;
  readonly write: (line: string) => void;
}

/** Why nothing can be written there; undefined where it can. */
export function whyNotWritable(path: string): string | undefined {
  try {
    accessSync(existsSync(path) ? path : dirname(path), constants.W_OK);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Who may read these keys reads the traffic: a file that is not there yet is made for its owner only. */
export function openKeyLog({ path, localRanges, remoteRanges }: TlsKeyLog, write: LogWriter): KeyLog {
  closeSync(openSync(path, 'a', 0o600));
  const local = localRanges.map(compileIpRange);
  const remote = remoteRanges.map(compileIpRange);
  return {
    covers: (ends) =>
      (local.length === 0 || local.some((range) => range.contains(ends.local))) &&
      (remote.length === 0 || remote.some((range) => range.contains(ends.remote))),
    write: (line) => write(path, `${line}\n`),
  };
}
