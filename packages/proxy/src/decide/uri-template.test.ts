import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { regexEngine } from './regex-engine.ts';
import { parseUriRewrite, parseUriTemplate } from './uri-template.ts';

function matches(template: string, path: string): string[] | undefined {
  const { regex } = parseUriTemplate(template);
  const matcher = regexEngine().compile(regex).matcher(path);
  if (!matcher.matches()) return undefined;
  return Array.from({ length: matcher.groupCount() }, (_, i) => matcher.group(i + 1) ?? '');
}

test('variables take one segment, or what their pattern says', () => {
  assert.deepEqual(matches('/shops/{shop}/items', '/shops/a.b/items'), ['a.b']);
  assert.equal(matches('/shops/{shop}/items', '/shops/a/b/items'), undefined);
  assert.deepEqual(matches('/a/{rest=**}', '/a/b/c'), ['b/c']);
  assert.deepEqual(matches('/a/{rest=**}', '/a/'), ['']);
  assert.deepEqual(matches('/{v=x/*}/end', '/x/y/end'), ['x/y']);
  assert.deepEqual(matches('/a/*/b', '/a/x/b'), []);
  assert.equal(matches('/a/*/b', '/a//b'), undefined);
  assert.deepEqual(matches('/a.b', '/a.b'), []);
  assert.equal(matches('/a.b', '/axb'), undefined);
});

test('templates that are none are refused', () => {
  for (const bad of ['a', '/{', '/{1x}', '/{a}/{a}', '/**/x', '/a*', '/a?b', '/{a=**}/{b}', '/}']) {
    assert.throws(() => parseUriTemplate(bad), Error, bad);
  }
  assert.throws(() => parseUriTemplate('/{a}/{b}/{c}/{d}/{e}/{f}'), /more than 5/);
  assert.throws(() => parseUriRewrite('/{b}', parseUriTemplate('/{a}')), /variable b/);
});

test('a rewrite is made of texts and groups', () => {
  assert.deepEqual(parseUriRewrite('/x/{b}/{a}', parseUriTemplate('/{a}/{b}')), ['/x/', 2, '/', 1, '']);
});

test('whatever a template holds, it is refused or becomes an expression that the engine takes', () => {
  const piece = fc.constantFrom(
    '/',
    'a',
    '*',
    '**',
    '{x}',
    '{y=*}',
    '{z=**}',
    '.',
    '(',
    '{',
    '}',
    '=',
    '%41',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const template = `/${pieces.join('')}`;
      let regex: string;
      try {
        ({ regex } = parseUriTemplate(template));
      } catch {
        return;
      }
      regexEngine().compile(regex);
    }),
  );
});
