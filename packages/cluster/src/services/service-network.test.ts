import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';

/** `unshare` with what this user needs for a network of its own; undefined where the machine does not allow it. */
function unshareArguments(): string[] | undefined {
  const own = ['--net', '--uts', '--ipc', '--pid', '--mount-proc', '--fork', '--kill-child'];
  const args = process.getuid?.() === 0 ? own : ['--user', '--map-root-user', '--map-auto', ...own];
  const tried = spawnSync('unshare', [...args, 'iptables-restore', '--noflush'], { input: '' });
  return tried.status === 0 ? args : undefined;
}

type Counts = Record<string, number>;

test('the addresses of services work from pods and from the node', (context) => {
  const args = unshareArguments();
  if (args === undefined) {
    context.skip('no network namespace of our own here (unshare, iptables)');
    return;
  }
  const lab = new URL('testing/service-lab.ts', import.meta.url).pathname;
  const run = spawnSync('unshare', [...args, process.execPath, lab], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(run.status, 0, run.stderr);
  const all = JSON.parse(run.stdout) as { got: Record<string, Counts>; refusalsMs: number; left: string };
  const { got, refusalsMs, left } = all;

  // Two backends at equal chances: 200 draws leave 70 to 130 but once in more than ten thousand runs.
  const { '10.244.0.3 10.244.0.2': one = 0, '10.244.0.4 10.244.0.2': other = 0 } = got['spread'] ?? {};
  assert.equal(one + other, 200, 'the pod keeps its own address');
  assert.ok(one > 70 && other > 70, JSON.stringify(got['spread']));
  const sources = (name: string): string[] =>
    Object.keys(got[name] ?? {}).map((answer) => answer.replace(/^10\.244\.0\.[34] /, ''));
  assert.deepEqual(new Set(sources('fromNode')), new Set(['10.244.0.1']));
  assert.deepEqual(new Set(sources('nodePort')), new Set(['10.244.0.2']));

  for (const name of ['refused', 'refusedOnNode', 'unknownAddress', 'unknownPort', 'refusedUdp']) {
    assert.deepEqual(got[name], { ECONNREFUSED: 1 }, name);
  }
  assert.ok(refusalsMs < 200, `refusing took ${refusalsMs} ms`);
  assert.deepEqual(got['hairpin'], { '10.244.0.2 10.244.0.1': 1 });
  assert.equal(Object.keys(got['sticky'] ?? {}).length, 1);
  assert.equal(Object.keys(got['udp'] ?? {}).length, 1);
  assert.deepEqual(got['moved'], { [left]: 20 });
  assert.deepEqual(got['movedUdp'], { [left]: 3 }, 'a UDP client moves, too');
});
