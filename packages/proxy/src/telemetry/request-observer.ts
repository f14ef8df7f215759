import type { StreamInfo } from './stream-info.ts';

/** Told of every HTTP request at its end; what it keeps of the information must be copied. */
export interface RequestObserver {
  onRequest(info: StreamInfo, direction: 'unspecified' | 'inbound' | 'outbound'): void;
}
