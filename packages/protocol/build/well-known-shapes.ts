/** What google.protobuf's types are in TypeScript; the interfaces are exported by the codec. */
export const wellKnownShapes: Readonly<Record<string, string>> = {
  DoubleValue: 'number',
  FloatValue: 'number',
  Int64Value: 'number',
  UInt64Value: 'number',
  Int32Value: 'number',
  UInt32Value: 'number',
  BoolValue: 'boolean',
  StringValue: 'string',
  BytesValue: 'Uint8Array',
  Duration: 'number',
  Timestamp: 'number',
  Struct: '$codec.JsonObject',
  Value: '$codec.JsonValue',
  ListValue: 'readonly $codec.JsonValue[]',
  Empty: 'Readonly<Record<string, never>>',
  FieldMask: 'readonly string[]',
  Any: '$codec.Any',
  NullValue: '$codec.NullValue',
};

/** Units that the TypeScript type does not say. */
export const wellKnownNotes: Readonly<Record<string, string>> = {
  Duration: 'milliseconds',
  Timestamp: 'milliseconds since the epoch',
};
