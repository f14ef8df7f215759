import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FieldTable } from '../schema/field-table.ts';
import { decodeKubeProtobuf } from './decode-kube-protobuf.ts';
import { fieldNumbers } from './field-numbers.ts';
import { ProtobufError } from './wire-reader.ts';

const table = new FieldTable();

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** A field of wire type 2. */
function part(number: number, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function message(...parts: Buffer[]): Buffer {
  return Buffer.concat(parts);
}

function envelope(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const type = message(part(1, apiVersion), part(2, kind));
  return message(Buffer.from('k8s\0'), part(1, type), part(2, raw), part(3, ''), part(4, ''));
}

function decode(body: Buffer): unknown {
  return decodeKubeProtobuf(body, (_, kind) => table.schema(`V1${kind}`));
}

test('texts, maps, times, lists of messages, numbers by name and inlined messages become JSON', () => {
  const metadata = message(
    part(1, 'web'),
    part(8, number(1, 1_700_000_000)),
    part(11, message(part(1, 'app'), part(2, 'web'))),
  );
  const httpGet = message(part(1, '/ready'), part(2, message(number(1, 0), number(2, 8080))));
  const probe = message(part(1, part(2, httpGet)), number(2, 3));
  const limits = part(1, message(part(1, 'cpu'), part(2, part(1, '100m'))));
  const container = message(part(1, 'c'), part(2, 'image:1'), part(8, limits), part(11, probe));
  const body = message(part(1, metadata), part(2, message(part(2, container), part(3, ''))));
  assert.deepEqual(decode(envelope('v1', 'Pod', body)), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', creationTimestamp: '2023-11-14T22:13:20Z', labels: { app: 'web' } },
    spec: {
      containers: [
        {
          name: 'c',
          image: 'image:1',
          resources: { limits: { cpu: '100m' } },
          readinessProbe: { httpGet: { path: '/ready', port: 8080 }, initialDelaySeconds: 3 },
        },
      ],
    },
  });
});

test('no replicas are no replicas, and a port that nobody set is left out', () => {
  const deployment = decode(envelope('apps/v1', 'Deployment', part(2, number(1, 0))));
  assert.deepEqual((deployment as { spec: unknown }).spec, { replicas: 0 });
  const port = message(
    part(1, 'http'),
    number(3, 80),
    part(4, message(number(1, 1), part(3, 'web'))),
    number(5, 0),
  );
  const service = decode(envelope('v1', 'Service', part(2, part(1, port))));
  assert.deepEqual((service as { spec: unknown }).spec, {
    ports: [{ name: 'http', port: 80, targetPort: 'web' }],
  });
});

test('a body that is cut off, has no magic number or names an unknown kind is refused', () => {
  const good = envelope('v1', 'Pod', part(1, part(1, 'web')));
  assert.throws(() => decode(good.subarray(0, good.length - 6)), ProtobufError);
  assert.throws(() => decode(good.subarray(4)), ProtobufError);
  assert.throws(() => decodeKubeProtobuf(good, () => undefined), /v1 Pod is not known/);
});

test('every name in the table of numbers is a field of its model', () => {
  const inlined = new Set(Object.values(fieldNumbers).flatMap((row) => row.match(/(?<=\+)\w+/g) ?? []));
  for (const [model, row] of Object.entries(fieldNumbers)) {
    if (inlined.has(model)) continue;
    const schema = table.schema(model);
    for (const name of row.split(' ')) {
      if (name !== '-' && !name.startsWith('+')) assert.ok(schema.field(name), `${model}.${name}`);
    }
  }
});

test('bytes of any kind give an object or an error, and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      try {
        decode(envelope('v1', 'Pod', Buffer.from(bytes)));
      } catch (error) {
        assert.ok(error instanceof ProtobufError, String(error));
      }
    }),
  );
});
