import type { StreamInfo } from './stream-info.ts';

import type { MessageCounts } from '../codec/grpc-messages.ts';
/** Told of every HTTP request at its end; what it keeps of the information must be copied. */
export interface RequestObserver {
  onRequest(info: StreamInfo, direction: 'unspecified' | 'inbound' | 'outbound'): void;
  /** Messages of a gRPC request that have come since the last time; also while the request lasts. */
  onMessages(
    info: StreamInfo,
    direction: 'unspecified' | 'inbound' | 'outbound',
    messages: MessageCounts,
  ): void;
}
