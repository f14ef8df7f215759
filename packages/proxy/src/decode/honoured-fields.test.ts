import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { fieldPolicies } from './field-policies.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The program of a room, without what only tests use. */
const sources = globSync('**/*.ts', { cwd: root })
  .filter((file) => !file.endsWith('.test.ts') && !/(^|\/)(testing|fuzz)\//.test(file))
  .map((file) => ({ room: file.split(/[\\/]/, 1)[0] ?? '', text: readFileSync(root + file, 'utf8') }));

/** The text without the lists of policies: there a field is only named. */
function withoutPolicies(text: string): string {
  let rest = '';
  let at = 0;
  for (;;) {
    const begin = text.indexOf('fieldPolicy(', at);
    if (begin < 0) return rest + text.slice(at);
    rest += text.slice(at, begin);
    let depth = 0;
    at = begin;
    do {
      if (text[at] === '(') depth++;
      else if (text[at] === ')') depth--;
      at++;
    } while (at < text.length && (depth > 0 || text[at - 1] !== ')'));
  }
}

test('every field that is called honoured is read where messages are decoded', () => {
  const readers = sources
    .filter(({ room }) => ['admin', 'bootstrap', 'decode', 'xds'].includes(room))
    .map(({ text }) => withoutPolicies(text))
    .join('\n');
  const words = new Set(readers.match(/(?<=[.{,'[(]\s*)[A-Za-z]\w*/g));
  const unread = fieldPolicies.flatMap(({ type, honoured }) =>
    [...honoured].filter((field) => !words.has(field)).map((field) => `${type.typeName}.${field}`),
  );
  assert.deepEqual(unread, []);
});

/** Properties of models that need no reader, and why. */
const unneeded: Readonly<Record<string, string>> = {
  'http-filter.ts fromHeader': 'tells two kinds of delay apart: the other one has a time',
};

test('everything that a model says is read by somebody who does it', () => {
  const words = new Set(
    sources
      .filter(({ room }) => room !== 'decode' && room !== 'model')
      .flatMap(({ text }) => text.match(/\w+/g) ?? []),
  );
  const unread = globSync('model/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) =>
      [...readFileSync(root + file, 'utf8').matchAll(/readonly (\w+)\??:/g)]
        .filter(([, name = '']) => !words.has(name))
        .map(([, name]) => `${file.slice('model/'.length)} ${name}`),
    );
  assert.deepEqual(unread, Object.keys(unneeded));
});
