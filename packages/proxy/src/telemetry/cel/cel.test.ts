import assert from 'node:assert/strict';
import { test } from 'node:test';
import { celOf, celRoots } from './cel-attributes.ts';
import { compileCel, type CelRoots } from './cel-evaluation.ts';
import { CelSyntaxError } from './cel-syntax.ts';

const roots: CelRoots<undefined> = {
  a: () => celOf({ text: 'hello', number: 7, yes: true, list: [1, 2], inner: { 'with-dash': 'x' } }),
  text: () => 'abc',
};
const value = (text: string): unknown => compileCel(text, roots)(undefined);

test('values are worked out as CEL does it', () => {
  for (const [text, expected] of [
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['7 / 2', 3],
    ['7.5 / 2.5', 3],
    ['-7 % 4', -3],
    ['\'a\' + "b"', 'ab'],
    ['a.number >= 7 && a.yes', true],
    ['!a.yes || a.number == 8', false],
    ['a.number != 8', true],
    ["a['text']", 'hello'],
    ["a.inner['with-dash']", 'x'],
    ['a.list[1]', 2],
    ['2 in a.list', true],
    ["'text' in a", true],
    ['has(a.text) && !has(a.none)', true],
    ["a.yes ? 'one' : 'two'", 'one'],
    ["a.text.startsWith('he') && a.text.endsWith('lo') && a.text.contains('ll')", true],
    ["a.text.matches('^h.l+o$')", true],
    ['string(a.number) + text', '7abc'],
    ["int('12') + size(text)", 15],
    ["r'\\d'", '\\d'],
    ["'\\'\\n'", "'\n"],
    ['null == null', true],
    ["'a' < 'b'", true],
  ] as const) {
    assert.equal(value(text), expected, text);
  }
});

test('what is not there is an error, unless the other side decides', () => {
  for (const text of [
    'a.none',
    'a.none == 1',
    'a.text.none',
    'a.none && true',
    "1 + 'a'",
    '1 / 0',
    "int('x')",
    '!1',
  ]) {
    assert.equal(value(text), undefined, text);
  }
  assert.equal(value('a.none || true'), true);
  assert.equal(value('false && a.none'), false);
  assert.equal(value('true || a.none'), true);
});

test('what cannot be read, or is not known, is refused', () => {
  for (const text of [
    '',
    '1 +',
    '(1',
    "'open",
    'a.',
    'a b',
    'nobody.x',
    'unknown(1)',
    'a.text.unknown(1)',
    'has(a)',
    'a.text.matches(text)',
    'constructor.x',
    `${'('.repeat(100)}1${')'.repeat(100)}`,
    `${'!'.repeat(100)}true`,
    '#',
  ]) {
    assert.throws(() => value(text), CelSyntaxError, text);
  }
  assert.throws(() => value("a.text.matches('(')"));
});

test('a member that a root can never have is refused, and those that it may have are named', () => {
  for (const text of [
    'request.nonsense',
    "request['nonsense'] == 1",
    'has(source.nonsense)',
    'xds.nonsense.a',
  ]) {
    assert.throws(() => compileCel(text, celRoots), /"\w+\.nonsense" is not known: \w+ has \w+, /, text);
  }
  for (const text of ['has(request.headers.nonsense)', "node.metadata['x']", 'upstream_peer.workload']) {
    assert.doesNotThrow(() => compileCel(text, celRoots), text);
  }
});

test('any text is read or refused, and nothing else happens', () => {
  const pieces = [
    'a',
    '.',
    'text',
    '(',
    ')',
    '[',
    ']',
    "'x'",
    '1',
    '&&',
    '||',
    '!',
    '-',
    '?',
    ':',
    'in',
    '==',
    ' ',
    '"',
    '\\',
  ];
  let seed = 1;
  for (let i = 0; i < 5_000; i++) {
    let text = '';
    for (let n = 0; n < 8; n++) {
      seed = (seed * 48_271) % 2_147_483_647;
      text += pieces[seed % pieces.length];
    }
    try {
      value(text);
    } catch (error) {
      assert.ok(error instanceof CelSyntaxError, `${text}: ${String(error)}`);
    }
  }
});
