import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions, type OptionSpec } from './options.ts';

const specs: readonly OptionSpec[] = [
  { name: 'envoy-port', short: 'p', value: 'PORT', help: '' },
  { name: 'exclude', short: 'x', value: 'LIST', help: '' },
  { name: 'dry-run', short: 'n', help: '' },
];

function parse(...args: string[]) {
  const result = parseOptions(args, specs);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

test('a value may be attached, separate, empty or begin with a dash', () => {
  for (const args of [['-p', '1'], ['-p1'], ['-p=1'], ['--envoy-port', '1'], ['--envoy-port=1']]) {
    assert.equal(parse(...args).value('envoy-port'), '1');
  }
  assert.equal(parse('-x', '').value('exclude'), '');
  assert.equal(parse('-x', '-n').value('exclude'), '-n');
  assert.equal(parse('-x', '-n').has('dry-run'), false);
});

test('a switch can be turned off by =false and the last one given wins', () => {
  assert.equal(parse('-n').has('dry-run'), true);
  assert.equal(parse('-n', '--dry-run=false').has('dry-run'), false);
});

test('all unknown options are named at once, with the closest known one', () => {
  const result = parseOptions(['--envoy-prot', '1', '--nothing', '-p'], specs);
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problems.map((p) => `${p.path}: ${p.message}`),
    [
      '--envoy-prot: unknown option; did you mean --envoy-port?',
      '--nothing: unknown option',
      '-p: needs a value: -p PORT',
    ],
  );
});

test('words and what follows two dashes are kept in order', () => {
  assert.deepEqual(parse('a', '-n', 'b', '--', '-p', 'c').words, ['a', 'b', '-p', 'c']);
});
