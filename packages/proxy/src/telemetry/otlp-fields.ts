import type { ByteWriter } from '@lateen/protocol';

const delimited = 2;
/** The wire type of eight bytes. */
export const fixed64 = 1;
export const tag = (field: number, wire: number): number => field * 8 + wire;

// OpenTelemetry counts nanoseconds, which a codec of safe integers does not take, so its messages are written field by
// field: from the end to the front, as the writer wants it.

export function message(writer: ByteWriter, field: number, write: () => void): void {
  const before = writer.length;
  write();
  writer.uint32(writer.length - before);
  writer.uint32(tag(field, delimited));
}

export function text(writer: ByteWriter, field: number, value: string): void {
  writer.string(value);
  writer.uint32(tag(field, delimited));
}

export function bytes(writer: ByteWriter, field: number, hex: string): void {
  writer.lengthDelimited(Buffer.from(hex, 'hex'));
  writer.uint32(tag(field, delimited));
}

/** KeyValue { key 1, value 2 { string_value 1 } }. */
export function attribute(writer: ByteWriter, field: number, name: string, value: string): void {
  message(writer, field, () => {
    message(writer, 2, () => text(writer, 1, value));
    text(writer, 1, name);
  });
}
