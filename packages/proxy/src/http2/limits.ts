import type { Http2Options } from '../model/network-filter.ts';
import type { Http2ConnectionOptions } from './connection-options.ts';
import { defaultWindowBytes } from './frame.ts';
import { tableSize } from './hpack/decoder.ts';

/** Most streams of a connection, where the configuration allows more: as many cost little, and no peer needs them. */
const mostStreams = 1_024;
/** What a stream may have in our memory when its other side is slow. Envoy's default of 256 MiB would be no limit. */
const mostStreamWindowBytes = 1024 * 1024;
const mostConnectionWindowBytes = 4 * 1024 * 1024;

/** The limits of a connection from what is configured, never more than we can keep. */
export function http2Limits(
  options: Http2Options,
): Pick<
  Http2ConnectionOptions,
  | 'maxConcurrentStreams'
  | 'streamWindowBytes'
  | 'connectionWindowBytes'
  | 'extendedConnect'
  | 'tableBytes'
  | 'keepalive'
  | 'floodLimits'
  | 'customSettings'
> {
  return {
    extendedConnect: options.allowConnect,
    tableBytes: Math.min(options.hpackTableBytes ?? tableSize, tableSize),
    keepalive: options.keepalive,
    floodLimits: options.floodLimits,
    customSettings: options.customSettings ?? [],
    maxConcurrentStreams: Math.min(options.maxConcurrentStreams, mostStreams),
    streamWindowBytes: Math.min(
      Math.max(options.initialStreamWindowBytes, defaultWindowBytes),
      mostStreamWindowBytes,
    ),
    connectionWindowBytes: Math.min(
      Math.max(options.initialConnectionWindowBytes, defaultWindowBytes),
      mostConnectionWindowBytes,
    ),
  };
}
