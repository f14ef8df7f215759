import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatLabelSelector,
  labelMatcher,
  parseLabelSelector,
  type LabelSelector,
} from './label-selector.ts';

function selects(text: string, labels: Record<string, string>): boolean {
  const parsed = parseLabelSelector(text);
  assert.ok(parsed.ok, text);
  return labelMatcher(parsed.value)(labels);
}

test('each form of the text selects as kubectl says it does', () => {
  const labels = { app: 'web', tier: 'front', 'example.com/a': '1' };
  const cases: [text: string, selected: boolean][] = [
    ['', true],
    ['app=web', true],
    ['app==web', true],
    ['app = web , tier=front', true],
    ['app!=web', false],
    ['other!=web', true],
    ['tier in (front,back)', true],
    ['tier in (back)', false],
    ['tier notin (back, middle)', true],
    ['missing notin (x)', true],
    ['app', true],
    ['!app', false],
    ['!missing', true],
    ['example.com/a=1,tier in (front),app', true],
    ['app=', false],
  ];
  for (const [text, selected] of cases) assert.equal(selects(text, labels), selected, text);
});

test('what is no selector is refused', () => {
  for (const text of ['=a', 'a=b=c', 'a in b', 'a in (b', ',', 'a,', 'a b', '!', 'a=-b']) {
    assert.equal(parseLabelSelector(text).ok, false, text);
  }
});

test('an absent selector matches nothing and an empty one everything', () => {
  assert.equal(labelMatcher(undefined)({ a: 'b' }), false);
  assert.equal(labelMatcher({})({ a: 'b' }), true);
  assert.equal(labelMatcher({})(undefined), true);
  assert.equal(labelMatcher({ matchLabels: { a: 'b' } })(undefined), false);
});

test('a selector object survives the way to text and back', () => {
  const selector: LabelSelector = {
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['a', 'b'] },
      { key: 'env', operator: 'NotIn', values: ['test'] },
      { key: 'owner', operator: 'Exists' },
      { key: 'old', operator: 'DoesNotExist' },
    ],
  };
  const text = formatLabelSelector(selector);
  assert.equal(text, 'app=web,tier in (a,b),env notin (test),owner,!old');
  assert.equal(selects(text, { app: 'web', tier: 'b', owner: 'x' }), true);
  assert.equal(selects(text, { app: 'web', tier: 'b', owner: 'x', env: 'test' }), false);
});

test('any text is either a selector or refused, and what is formatted selects the same when it is read again', () => {
  const word = fc.constantFrom('a', 'app', 'example.com/b', 'in', 'notin', 'x-1');
  const value = fc.constantFrom('', 'a', 'b', '1.0', 'in');
  const piece = fc.oneof(word, value, fc.constantFrom('=', '!=', '==', ',', '(', ')', ' ', '!', '&'));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.dictionary(word, value), (pieces, labels) => {
      const parsed = parseLabelSelector(pieces.join(''));
      if (!parsed.ok) return;
      const again = parseLabelSelector(formatLabelSelector(parsed.value));
      assert.ok(again.ok, formatLabelSelector(parsed.value));
      assert.equal(labelMatcher(again.value)(labels), labelMatcher(parsed.value)(labels));
    }),
    { numRuns: 3000 },
  );
});
