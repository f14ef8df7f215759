import { errorCode, frameFlag, frameType, type ErrorCode } from './frame.ts';

/** Bytes of one setting. */
export const settingBytes = 6;

/**
 * The error with which a connection ends for a frame that has the wrong length, or the wrong stream, for its type
 * (RFC 9113 section 6); undefined for a good one and for types that nobody knows.
 */
export function controlFrameFault(
  type: number,
  flags: number,
  streamId: number,
  length: number,
): ErrorCode | undefined {
  switch (type) {
    case frameType.windowUpdate:
      return length === 4 ? undefined : errorCode.frameSizeError;
    case frameType.rstStream:
      return ofStream(streamId, length === 4);
    case frameType.priority:
      return ofStream(streamId, length === 5);
    case frameType.ping:
      return ofConnection(streamId, length === 8);
    case frameType.settings:
      return ofConnection(
        streamId,
        (flags & frameFlag.ack) === 0 ? length % settingBytes === 0 : length === 0,
      );
    case frameType.goaway:
      return streamId === 0 && length >= 8 ? undefined : errorCode.protocolError;
    default:
      return undefined;
  }
}

function ofStream(streamId: number, rightLength: boolean): ErrorCode | undefined {
  if (!rightLength) return errorCode.frameSizeError;
  return streamId === 0 ? errorCode.protocolError : undefined;
}

function ofConnection(streamId: number, rightLength: boolean): ErrorCode | undefined {
  if (streamId !== 0) return errorCode.protocolError;
  return rightLength ? undefined : errorCode.frameSizeError;
}
