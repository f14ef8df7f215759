import { setField, type FieldType, type JsonObject, type ObjectSchema } from '@lateen/kube';
import { fieldNumbers } from './field-numbers.ts';
import { ProtobufError, WireReader } from './wire-reader.ts';

/** What precedes an object in Kubernetes' protobuf encoding: `k8s` and a zero byte. */
const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);
const maxDepth = 100;

/** Finds the schema of a kind by its `apiVersion` and `kind`; undefined where it is not known. */
export type FindSchema = (apiVersion: string, kind: string) => ObjectSchema | undefined;

/** A message of the type of a schema: where each number goes. */
type Row = readonly (
  | undefined
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'inline'; readonly row: Row }
)[];

/**
 * Reads an object that a client sent as `application/vnd.kubernetes.protobuf`, as typed clients of newer
 * Kubernetes do for built-in kinds. Throws {@link ProtobufError} where it is not one.
 */
export function decodeKubeProtobuf(body: Buffer, find: FindSchema): JsonObject {
  if (!body.subarray(0, magic.length).equals(magic)) throw new ProtobufError('the magic number is missing');
  const { apiVersion, kind, raw } = readEnvelope(body.subarray(magic.length));
  const schema = find(apiVersion, kind);
  if (schema === undefined) throw new ProtobufError(`${apiVersion} ${kind} is not known in this encoding`);
  const object = readMessage(raw, schema, rowOf(schema.name), {}, 0);
  return { apiVersion, kind, ...object };
}

/** `runtime.Unknown`: the type in 1, the object in 2. */
function readEnvelope(bytes: Buffer): { apiVersion: string; kind: string; raw: Buffer } {
  const reader = new WireReader(bytes);
  let apiVersion = '';
  let kind = '';
  let raw = Buffer.alloc(0);
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) {
      const type = new WireReader(reader.bytes());
      while (!type.done) {
        const field = type.tag();
        if (field.number === 1) apiVersion = type.bytes().toString();
        else if (field.number === 2) kind = type.bytes().toString();
        else type.skip(field.wireType);
      }
    } else if (number === 2) raw = Buffer.from(reader.bytes());
    else reader.skip(wireType);
  }
  return { apiVersion, kind, raw };
}

const rows = new Map<string, Row>();

function rowOf(name: string): Row {
  const known = rows.get(name);
  if (known !== undefined) return known;
  const text = fieldNumbers[name];
  if (text === undefined) throw new ProtobufError(`${name} is not known in this encoding`);
  const row: Row = text.split(' ').map((part) => {
    if (part === '-') return undefined;
    return part.startsWith('+')
      ? { kind: 'inline', row: rowOf(part.slice(1)) }
      : { kind: 'field', name: part };
  });
  rows.set(name, row);
  return row;
}

function readMessage(
  bytes: Buffer,
  schema: ObjectSchema,
  row: Row,
  into: JsonObject,
  depth: number,
): JsonObject {
  if (depth > maxDepth) throw new ProtobufError('the message is nested too deeply');
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    const target = row[number - 1];
    if (target === undefined) reader.skip(wireType);
    else if (target.kind === 'inline') readMessage(reader.bytes(), schema, target.row, into, depth + 1);
    else {
      const type = schema.field(target.name);
      if (type === undefined) reader.skip(wireType);
      else readField(reader, wireType, type, target.name, into, depth);
    }
  }
  return into;
}

function readField(
  reader: WireReader,
  wireType: number,
  type: FieldType,
  name: string,
  into: JsonObject,
  depth: number,
): void {
  if (type.kind === 'list') {
    const list = (into[name] ??= []) as unknown[];
    const packed = wireType === 2 && (type.items.kind === 'integer' || type.items.kind === 'boolean');
    if (!packed) list.push(readValue(reader, type.items, depth));
    else {
      const inner = new WireReader(reader.bytes());
      while (!inner.done) list.push(readValue(inner, type.items, depth));
    }
  } else if (type.kind === 'map') {
    const entry = new WireReader(reader.bytes());
    let key = '';
    let value: unknown;
    while (!entry.done) {
      const field = entry.tag();
      if (field.number === 1) key = entry.bytes().toString();
      else if (field.number === 2) value = readValue(entry, type.values, depth);
      else entry.skip(field.wireType);
    }
    setField((into[name] ??= {}) as JsonObject, key, value ?? emptyOf(type.values));
  } else {
    const value = readValue(reader, type, depth);
    if (!isUnset(value, name)) into[name] = value;
  }
}

/**
 * Clients in Go write every field that is not a pointer, also where nobody has set it; in JSON they leave it out. Of
 * numbers these are the fields in which 0 says something.
 */
const zeroMatters: ReadonlySet<string> = new Set([
  'activeDeadlineSeconds',
  'averageUtilization',
  'backoffLimit',
  'completions',
  'currentReplicas',
  'defaultMode',
  'deletionGracePeriodSeconds',
  'desiredReplicas',
  'exitCode',
  'expirationSeconds',
  'fsGroup',
  'gracePeriodSeconds',
  'leaseTransitions',
  'maxReplicas',
  'minReplicas',
  'mode',
  'parallelism',
  'partition',
  'priority',
  'progressDeadlineSeconds',
  'replicas',
  'restartCount',
  'revisionHistoryLimit',
  'runAsGroup',
  'runAsUser',
  'stabilizationWindowSeconds',
  'terminationGracePeriodSeconds',
  'tolerationSeconds',
  'ttlSecondsAfterFinished',
]);

function isUnset(value: unknown, name: string): boolean {
  return value === '' || value === null || (value === 0 && !zeroMatters.has(name));
}

function readValue(reader: WireReader, type: FieldType, depth: number): unknown {
  switch (type.kind) {
    case 'string':
      if (type.format === undefined) return reader.bytes().toString();
      return type.format === 'byte'
        ? reader.bytes().toString('base64')
        : readTime(reader.bytes(), type.format);
    case 'integer':
      return reader.integer();
    case 'boolean':
      return reader.integer() !== 0;
    case 'number':
      return reader.double();
    case 'quantity':
      return firstText(reader.bytes());
    case 'int-or-string':
      return readIntOrString(reader.bytes());
    case 'object':
      return readMessage(reader.bytes(), type.schema, rowOf(type.schema.name), {}, depth + 1);
    case 'list':
      // A list in a map is a message with the list as its first field.
      return readWrappedList(reader.bytes(), type.items, depth);
    default:
      return readRaw(reader.bytes());
  }
}

function readWrappedList(bytes: Buffer, items: FieldType, depth: number): unknown[] {
  const reader = new WireReader(bytes);
  const list: unknown[] = [];
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) list.push(readValue(reader, items, depth));
    else reader.skip(wireType);
  }
  return list;
}

/** Seconds in 1, nanoseconds in 2; the zero time is no time. */
function readTime(bytes: Buffer, format: 'date-time' | 'micro-time'): string | null {
  const reader = new WireReader(bytes);
  let seconds = 0;
  let nanos = 0;
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) seconds = reader.integer();
    else if (number === 2) nanos = reader.integer();
    else reader.skip(wireType);
  }
  const zeroTimeSeconds = -62_135_596_800;
  if (bytes.length === 0 || seconds === zeroTimeSeconds) return null;
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return format === 'date-time'
    ? `${whole}Z`
    : `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}

function firstText(bytes: Buffer): string {
  const reader = new WireReader(bytes);
  let text = '';
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) text = reader.bytes().toString();
    else reader.skip(wireType);
  }
  return text;
}

/** 0 in 1 says that the number in 2 counts, 1 that the text in 3 does. */
function readIntOrString(bytes: Buffer): number | string {
  const reader = new WireReader(bytes);
  let isText = false;
  let number = 0;
  let text = '';
  while (!reader.done) {
    const field = reader.tag();
    if (field.number === 1) isText = reader.integer() === 1;
    else if (field.number === 2) number = reader.integer();
    else if (field.number === 3) text = reader.bytes().toString();
    else reader.skip(field.wireType);
  }
  return isText ? text : number;
}

/** JSON in a message of one field. */
function readRaw(bytes: Buffer): unknown {
  const text = firstText(bytes);
  return text === '' ? null : JSON.parse(text);
}

function emptyOf(type: FieldType): unknown {
  if (type.kind === 'string') return '';
  return type.kind === 'quantity' ? '0' : type.kind === 'list' ? [] : null;
}
