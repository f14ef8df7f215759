/** A span as a collector of OpenTelemetry reads it. */
export interface OtlpSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId: string;
  readonly state: string;
  readonly name: string;
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Field {
  readonly number: number;
  readonly value: Buffer | bigint;
}

/** The fields of a protobuf message, by number, without knowing its type. */
function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('the message ends within a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const number = key >> 3;
    switch (key & 7) {
      case 0:
        fields.push({ number, value: varint() });
        break;
      case 1:
        fields.push({ number, value: bytes.readBigUInt64LE(at) });
        at += 8;
        break;
      case 2: {
        const length = Number(varint());
        fields.push({ number, value: bytes.subarray(at, at + length) });
        at += length;
        break;
      }
      default:
        throw new Error(`wire type ${key & 7} is not expected`);
    }
  }
  return fields;
}

function messages(bytes: Buffer, number: number): Buffer[] {
  return fieldsOf(bytes).flatMap((field) =>
    field.number === number && Buffer.isBuffer(field.value) ? [field.value] : [],
  );
}

function one(bytes: Buffer, number: number): Buffer {
  return messages(bytes, number)[0] ?? Buffer.alloc(0);
}

function numberOf(bytes: Buffer, number: number): bigint {
  const value = fieldsOf(bytes).find((field) => field.number === number)?.value;
  return typeof value === 'bigint' ? value : 0n;
}

/** KeyValue: key 1, value 2 with string_value 1. */
function attributesOf(list: readonly Buffer[]): Record<string, string> {
  return Object.fromEntries(list.map((pair) => [one(pair, 1).toString(), one(one(pair, 2), 1).toString()]));
}

/** Reads an `ExportTraceServiceRequest` of one resource. */
export function decodeOtlp(bytes: Buffer): {
  readonly resource: Readonly<Record<string, string>>;
  readonly spans: readonly OtlpSpan[];
} {
  const resourceSpans = one(bytes, 1);
  return {
    resource: attributesOf(messages(one(resourceSpans, 1), 1)),
    spans: messages(one(resourceSpans, 2), 2).map((span) => ({
      traceId: one(span, 1).toString('hex'),
      id: one(span, 2).toString('hex'),
      state: one(span, 3).toString(),
      parentId: one(span, 4).toString('hex'),
      name: one(span, 5).toString(),
      kind: Number(numberOf(span, 6)),
      startNs: numberOf(span, 7),
      endNs: numberOf(span, 8),
      attributes: attributesOf(messages(span, 9)),
    })),
  };
}

/** A record of a log as a collector of OpenTelemetry reads it. */
export interface OtlpRecord {
  readonly timeNs: bigint;
  readonly traceId: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Reads an `ExportLogsServiceRequest` of one resource. */
export function decodeOtlpLogs(bytes: Buffer): {
  readonly resource: Readonly<Record<string, string>>;
  readonly records: readonly OtlpRecord[];
} {
  const resourceLogs = one(bytes, 1);
  return {
    resource: attributesOf(messages(one(resourceLogs, 1), 1)),
    records: messages(one(resourceLogs, 2), 2).map((record) => ({
      timeNs: numberOf(record, 1),
      traceId: one(record, 9).toString('hex'),
      body: one(one(record, 5), 1).toString(),
      attributes: attributesOf(messages(record, 6)),
    })),
  };
}
