export { anyIs, packAny, typeRegistry, unpackAny, unpackAs, type Unpacked } from './codec/any.ts';
export type { UnknownField } from './codec/byte-reader.ts';
export { ByteWriter } from './codec/byte-writer.ts';
export { decode, maxDepth, type DecodeOptions } from './codec/decode.ts';
export { encode } from './codec/encode.ts';
export { fromJson, type FromJsonOptions } from './codec/from-json.ts';
export type {
  AnyMessageType,
  EnumType,
  Field,
  FieldTable,
  MessageOf,
  MessageType,
  ScalarName,
  TypeRegistry,
} from './codec/message-type.ts';
export { nearestName } from './codec/nearest-name.ts';
export type { MethodKind, MethodType } from './codec/service-type.ts';
export type { JsonObject, JsonValue } from './codec/struct.ts';
export { toJson, type ToJsonOptions } from './codec/to-json.ts';
export { typeNameOf } from './codec/type-url.ts';
export {
  Any,
  BoolValue,
  BytesValue,
  DoubleValue,
  Duration,
  Empty,
  FieldMask,
  FloatValue,
  Int32Value,
  Int64Value,
  ListValue,
  NullValue,
  StringValue,
  Struct,
  Timestamp,
  UInt32Value,
  UInt64Value,
  Value,
} from './codec/well-known.ts';
