import { defaultWindowBytes, errorCode, maxWindowBytes, setting } from './frame.ts';
import type { HpackEncoder } from './hpack/encoder.ts';
import { settingBytes } from './control-frame-fault.ts';
import { settingFault } from './setting-fault.ts';

/** What the peer has said that it takes (RFC 9113 section 6.5.2). */
export class PeerSettings {
  /** True once it has said so for the first time. */
  settled = false;
  maxStreams = maxWindowBytes;
  /** What may be sent on a stream before the peer has taken it. */
  streamWindow = defaultWindowBytes;
  /** It takes other protocols in a stream. */
  extendsConnect = false;

  /** Takes a frame of settings; what is wrong with it, or undefined. `tableBytes` is the most that our own table may be. */
  take(
    buffer: Buffer,
    start: number,
    end: number,
    encoder: HpackEncoder,
    tableBytes: number,
  ): ReturnType<typeof settingFault> {
    for (let at = start; at < end; at += settingBytes) {
      const id = buffer.readUInt16BE(at);
      const value = buffer.readUInt32BE(at + 2);
      const fault = settingFault(id, value);
      if (fault !== undefined) return fault;
      switch (id) {
        case setting.headerTableSize:
          encoder.limitTable(Math.min(value, tableBytes));
          break;
        case setting.maxConcurrentStreams:
          this.maxStreams = value;
          break;
        case setting.enableConnectProtocol:
          this.extendsConnect = value === 1;
          break;
        case setting.initialWindowSize:
          this.streamWindow = value;
          break;
        default:
      }
    }
    return undefined;
  }
}

/** Lets the windows of streams grow or shrink with the setting; false where one is too large then. */
export function resizeWindows(streams: Iterable<{ sendWindow: number }>, more: number): boolean {
  for (const stream of streams) {
    stream.sendWindow += more;
    if (stream.sendWindow > maxWindowBytes) return false;
  }
  return true;
}

/** The fault of a window that is larger than the protocol knows. */
export const windowFault = { code: errorCode.flowControlError, detail: 'a window too large' } as const;
