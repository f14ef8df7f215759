import type { Http2ConnectionOptions } from './connection-options.ts';
import { setting } from './frame.ts';
import { tableSize } from './hpack/decoder.ts';

type Settings = readonly (readonly [number, number])[];

/** What the peer is told first (RFC 9113 section 6.5): what every connection of a side says, and what the options add. */
export function ownSettings(
  ofSide: Settings,
  { tableBytes, customSettings }: Pick<Http2ConnectionOptions, 'tableBytes' | 'customSettings'>,
): Settings {
  const table = tableBytes < tableSize ? [[setting.headerTableSize, tableBytes] as const] : [];
  return [...ofSide, ...table, ...customSettings];
}
