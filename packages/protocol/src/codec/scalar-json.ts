import type { ScalarName } from './message-type.ts';

/** A scalar in protobuf's JSON: 64-bit integers as text, bytes in base64, numbers that JSON lacks by name. */
export function scalarToJson(kind: ScalarName, value: unknown): unknown {
  switch (kind) {
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      return String(value);
    case 'bytes': {
      const bytes = value as Uint8Array;
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    }
    case 'double':
    case 'float': {
      const number = value as number;
      if (!Number.isFinite(number)) return String(number);
      return kind === 'float' ? shortestFloat(number) : number;
    }
    default:
      return value;
  }
}

/** 0.1 rather than 0.10000000149011612 for a float of 32 bits. */
function shortestFloat(value: number): number {
  for (let digits = 6; digits <= 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return value;
}

const ranges: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-0x8000_0000, 0x7fff_ffff],
  sint32: [-0x8000_0000, 0x7fff_ffff],
  sfixed32: [-0x8000_0000, 0x7fff_ffff],
  uint32: [0, 0xffff_ffff],
  fixed32: [0, 0xffff_ffff],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  sint64: [-(2 ** 52), 2 ** 52],
  sfixed64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
  fixed64: [0, Number.MAX_SAFE_INTEGER],
};

interface Fail {
  fail(message: string): never;
}

/** Reads a scalar of protobuf's JSON, where numbers may be text too. */
export function scalarFromJson(kind: ScalarName, json: unknown, context: Fail): unknown {
  switch (kind) {
    case 'string':
      return typeof json === 'string' ? json : context.fail(`must be text, not ${describe(json)}`);
    case 'bool':
      return typeof json === 'boolean' ? json : context.fail(`must be true or false, not ${describe(json)}`);
    case 'bytes':
      return typeof json === 'string' ? bytesFromBase64(json, context) : context.fail('must be base64 text');
    case 'double':
    case 'float':
      return floatFromJson(kind, json, context);
    default:
      return integerFromJson(kind, json, context);
  }
}

function bytesFromBase64(text: string, context: Fail): Uint8Array {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) context.fail('must be base64 text');
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function floatFromJson(kind: 'double' | 'float', json: unknown, context: Fail): number {
  if (json === 'NaN') return Number.NaN;
  if (json === 'Infinity') return Number.POSITIVE_INFINITY;
  if (json === '-Infinity') return Number.NEGATIVE_INFINITY;
  const value = numberOf(json);
  if (value === undefined || !Number.isFinite(value))
    return context.fail(`must be a number, not ${describe(json)}`);
  if (kind === 'double') return value;
  const float = Math.fround(value);
  return Number.isFinite(float) ? float : context.fail('must be within the range of a 32-bit float');
}

function integerFromJson(kind: ScalarName, json: unknown, context: Fail): number {
  const value = numberOf(json);
  if (value === undefined || !Number.isInteger(value)) {
    return context.fail(`must be an integer, not ${describe(json)}`);
  }
  const [min, max] = ranges[kind] ?? [0, 0];
  if (value < min || value > max) return context.fail(`must be between ${min} and ${max}, not ${value}`);
  return value + 0;
}

function numberOf(json: unknown): number | undefined {
  if (typeof json === 'number') return json;
  if (typeof json === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(json)) return Number(json);
  return undefined;
}

/** How a wrong value is called in a problem. */
export function describe(json: unknown): string {
  if (json === null) return 'null';
  if (Array.isArray(json)) return 'a list';
  return typeof json === 'object' ? 'an object' : JSON.stringify(json);
}
