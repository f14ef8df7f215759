/** The two buffers that were asked for last: those of plain and of decrypted bytes take turns. */
let buffer0: Buffer | undefined;
let view0: DataView = new DataView(new ArrayBuffer(0));
let buffer1: Buffer | undefined;
let view1: DataView = view0;

/** A view of `buffer`, to read words of it wherever they lie. */
export function viewOf(buffer: Buffer): DataView {
  if (buffer === buffer0) return view0;
  if (buffer === buffer1) return view1;
  buffer1 = buffer0;
  view1 = view0;
  buffer0 = buffer;
  view0 = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  return view0;
}
