import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { test } from 'node:test';
import { keepCompilerFromInterrupting } from './compiler-threads.ts';

/** Scheduling policies of this process's threads by their names (`comm` and `policy` of proc(5)). */
function policies(): ReadonlyMap<string, string | undefined> {
  const stats = readdirSync('/proc/self/task').map((id) =>
    readFileSync(`/proc/self/task/${id}/stat`, 'utf8'),
  );
  return new Map(
    stats.map((stat) => [
      stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
      stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38],
    ]),
  );
}

test("V8's threads do not take the core from the event loop when they wake", {
  skip: process.platform !== 'linux',
}, () => {
  keepCompilerFromInterrupting();
  const found = policies();
  assert.equal(found.get('node-V8Worker'), '3');
  assert.equal(found.get('node-MainThread') ?? '0', '0');
});
