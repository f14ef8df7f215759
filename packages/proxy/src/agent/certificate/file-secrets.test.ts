import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger, systemClock } from '@lateen/core';
import type { Secret } from '../../model/index.ts';
import { FileSecrets, isFileSecret } from './file-secrets.ts';

function text(secret: Secret | undefined): string {
  assert.ok(secret?.kind === 'certificate' && secret.certificate.chain.kind === 'inline');
  return Buffer.from(secret.certificate.chain.bytes).toString();
}

test('secrets that are files are read when wanted and again when they are replaced', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-secrets-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [chain, key] = [join(folder, 'chain.pem'), join(folder, 'key.pem')];
  writeFileSync(chain, 'one');
  writeFileSync(key, 'key');
  const name = `file-cert:${chain}~${key}`;
  const events = new EventEmitter();
  const files = new FileSecrets({
    clock: systemClock,
    log: silentLogger,
    publish: (secrets) => events.emit('published', secrets),
  });
  t.after(() => files.close());

  const first = once(events, 'published') as Promise<[Secret[]]>;
  files.want([name, 'default']);
  assert.equal(text((await first)[0][0]), 'one');

  const second = once(events, 'published') as Promise<[Secret[]]>;
  writeFileSync(`${chain}.new`, 'two');
  renameSync(`${chain}.new`, chain);
  const published = (await second)[0];
  assert.deepEqual(
    published.map((secret) => secret.name),
    [name],
  );
  assert.equal(text(published[0]), 'two');
});

test('the roots of the system need no file', () => {
  const published: Secret[] = [];
  const files = new FileSecrets({
    clock: systemClock,
    log: silentLogger,
    publish: (secrets) => published.push(...secrets),
  });
  files.want(['file-root:system']);
  files.close();
  const [roots] = published;
  assert.ok(roots?.kind === 'validation');
  assert.equal(roots.name, 'file-root:system');
  assert.equal(roots.validation.systemRoots, true);
  assert.equal(roots.validation.trustedCa, undefined);
});

test('only names of files are taken for files', () => {
  assert.ok(isFileSecret('file-root:/etc/ca.pem'));
  assert.ok(!isFileSecret('default'));
  assert.ok(!isFileSecret('kubernetes://file-cert'));
});
