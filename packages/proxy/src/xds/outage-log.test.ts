import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock, lineLogger } from '@lateen/core';
import { OutageLog } from './outage-log.ts';

function outage() {
  const clock = new TestClock();
  const lines: string[] = [];
  const log = lineLogger({
    level: 'info',
    write: (line) => void lines.push(line.split('\t').slice(1, 4).join(' ')),
    scope: 'xds',
    clock,
  });
  const told = new OutageLog(clock, log);
  /** As many streams end, with so much between them. */
  const fail = (times: number, everyMs: number): string[] => {
    for (let i = 0; i < times; i++) {
      told.tell('refused', 1);
      clock.advance(everyMs);
    }
    return lines.splice(0);
  };
  return { told, fail, lines };
}

const unreachable = 'warn xds the control plane cannot be reached';

test('a control plane that is not there yet is no news, until it has not been there for 5 s', () => {
  const { told, fail, lines } = outage();
  assert.deepEqual(fail(10, 500), []);
  assert.deepEqual(fail(1, 500), [unreachable]);
  // From then on every 30 s, however often it is tried.
  assert.deepEqual(fail(118, 500), [unreachable]);
  assert.deepEqual(fail(1, 500), []);
  told.end();
  assert.deepEqual(lines, ['info xds the control plane can be reached again']);
});

test('one that is lost is told at once, and one that comes back soon not further', () => {
  const { told, fail, lines } = outage();
  told.end();
  assert.deepEqual(fail(3, 100), ['info xds config stream to the control plane ended']);
  told.end();
  assert.deepEqual(lines, []);
  assert.deepEqual(fail(1, 100), ['info xds config stream to the control plane ended']);
});
