import type { HeaderBlock } from '../codec/header-block.ts';
import type { FrameWriter } from './frame-writer.ts';
import { HpackEncoder } from './hpack/encoder.ts';

/** Writes trailers, which end a stream; returns the bytes of their frames. */
export function writeTrailers(
  writer: FrameWriter,
  encoder: HpackEncoder,
  streamId: number,
  trailers: HeaderBlock,
): number {
  const at = writer.beginBlock(HpackEncoder.roomFor(trailers, 0));
  const { output } = writer;
  return writer.endBlock(encoder.putBlock(trailers, output, encoder.begin(output, at)), streamId, true);
}
