import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePem, toPem } from '@lateen/core/der';
import { parseSigningRequest } from './signing-request.ts';

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });
}

/** A request made by somebody else's program. */
function request(...key: string[]): string {
  return openssl('req', '-new', '-nodes', '-keyout', '/dev/null', '-subj', '/O=x', ...key);
}

const good = request('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256');

test('requests of other programs are read for every kind of key that is accepted', () => {
  for (const key of [
    ['-newkey', 'rsa:2048'],
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384'],
    ['-newkey', 'ed25519'],
    ['-newkey', 'rsa:2048', '-addext', 'subjectAltName=URI:spiffe://x/ns/a/sa/b'],
  ]) {
    const parsed = parseSigningRequest(request(...key));
    assert.ok(parsed.ok, `${key.join(' ')}: ${JSON.stringify(parsed)}`);
  }
});

test('weak keys, other blocks and several blocks are refused', () => {
  const message = (pem: string): string => {
    const parsed = parseSigningRequest(pem);
    assert.ok(!parsed.ok);
    return parsed.problems[0]!.message;
  };
  assert.match(message(request('-newkey', 'rsa:1024')), /2048/);
  assert.match(message(request('-newkey', 'rsa:2048', '-sha1')), /not accepted/);
  assert.match(message(request('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1')), /curve/);
  assert.match(message(good + good), /one PEM block/);
  assert.match(message(''), /one PEM block/);
  assert.match(message(toPem('CERTIFICATE', parsePem(good)[0]!.bytes)), /not a CERTIFICATE/);
  assert.match(message(good.padEnd(17_000, '\n')), /at most/);
});

test('no change of a single byte gives a request that is accepted', () => {
  const { bytes } = parsePem(good)[0]!;
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: bytes.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (index, difference) => {
        const changed = Buffer.from(bytes);
        changed[index] = changed[index]! ^ difference;
        const parsed = parseSigningRequest(toPem('CERTIFICATE REQUEST', changed));
        assert.equal(parsed.ok, false);
      },
    ),
    { numRuns: 400 },
  );
});

test('bytes of any kind are refused without an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.equal(parseSigningRequest(toPem('CERTIFICATE REQUEST', bytes)).ok, false);
    }),
    { numRuns: 300 },
  );
});

test('a request with something after it is refused', () => {
  const { bytes } = parsePem(good)[0]!;
  assert.equal(
    parseSigningRequest(toPem('CERTIFICATE REQUEST', Buffer.concat([bytes, Buffer.from([0])]))).ok,
    false,
  );
});
