import { defaultMaxFrameBytes, errorCode, maxWindowBytes, setting, type ErrorCode } from './frame.ts';

/** What is wrong with a setting of the peer; undefined for a good one and for one that nobody knows (RFC 9113 section 6.5.2). */
export function settingFault(
  id: number,
  value: number,
): { readonly code: ErrorCode; readonly detail: string } | undefined {
  switch (id) {
    case setting.enablePush:
      return value <= 1
        ? undefined
        : { code: errorCode.protocolError, detail: 'ENABLE_PUSH is neither 0 nor 1' };
    case setting.enableConnectProtocol:
      return value <= 1
        ? undefined
        : { code: errorCode.protocolError, detail: 'ENABLE_CONNECT_PROTOCOL is neither 0 nor 1' };
    case setting.initialWindowSize:
      return value <= maxWindowBytes
        ? undefined
        : { code: errorCode.flowControlError, detail: 'a window too large' };
    case setting.maxFrameSize:
      // Our frames stay at the least that every peer takes: longer ones would only make others wait.
      return value >= defaultMaxFrameBytes && value <= 0xffffff
        ? undefined
        : { code: errorCode.protocolError, detail: 'a frame size that is not allowed' };
    default:
      return undefined;
  }
}
