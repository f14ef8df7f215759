import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { lineLogger, TestClock } from '@lateen/core';
import { decodeBootstrap } from '../bootstrap/bootstrap.ts';
import { StatsRegistry } from '../telemetry/stats-registry.ts';
import { hostWork } from './cpu-utilization.ts';
import { OverloadManager } from './overload-manager.ts';

const types = 'type.googleapis.com/envoy.extensions.resource_monitors';

function decode(type: string, config: object) {
  return decodeBootstrap({
    overload_manager: {
      refresh_interval: '1s',
      resource_monitors: [{ name: 'seen', typed_config: { '@type': `${types}.${type}`, ...config } }],
      actions: [
        {
          name: 'envoy.overload_actions.disable_http_keepalive',
          triggers: [{ name: 'seen', scaled: { scaling_threshold: 0.2, saturation_threshold: 0.6 } }],
        },
      ],
    },
  });
}

/** A manager with one monitor, over files as a control group has them. */
function watch(t: TestContext, type: string, config: object, files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-group-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const put = (changed: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(changed)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), `${text}\n`);
    }
  };
  put(files);
  const decoded = decode(type, config);
  assert.ok(decoded.ok, JSON.stringify(decoded));
  const overload = decoded.value.overload;
  assert.ok(overload !== undefined);
  const clock = new TestClock();
  const lines: string[] = [];
  const manager = new OverloadManager({
    config: overload,
    clock,
    log: lineLogger({ write: (line) => lines.push(line), level: () => 'info', scope: 'overload' }),
    shrinkHeap() {},
    controlGroup: folder,
  });
  t.after(() => manager.close());
  const stats = new StatsRegistry();
  stats.add(manager);
  const number = (name: string): number =>
    Number(new RegExp(`^overload\\.${name}: (\\d+)$`, 'm').exec(stats.text())?.[1]);
  return {
    number,
    lines,
    scale: () => manager.state.disableHttpKeepalive,
    look(changed: Readonly<Record<string, string>>): number {
      put(changed);
      clock.advance(1_000);
      return number('seen.pressure');
    },
  };
}

const version2 = { 'cgroup.controllers': 'cpu memory' };
const memoryType = 'cgroup_memory.v3.CgroupMemoryConfig';
const cpuType = 'cpu_utilization.v3.CpuUtilizationConfig';

test('memory of a container is looked at against its limit, and actions grow with it', (t) => {
  const group = watch(t, memoryType, {}, { ...version2, 'memory.current': '0', 'memory.max': '1000' });
  assert.equal(group.look({ 'memory.current': '400' }), 40);
  assert.ok(Math.abs(group.scale() - 0.5) < 1e-9, `${group.scale()}`);
  assert.equal(group.look({ 'memory.current': '700' }), 70);
  assert.equal(group.scale(), 1);
  // What cannot be read is neither good nor bad news.
  assert.equal(group.look({ 'memory.current': '' }), 70);
  assert.equal(group.number('seen.failed_updates'), 1);
  assert.equal(group.look({ 'memory.current': '700', 'memory.max': 'max' }), 0);
});

test('a resource that cannot be looked at is told of once, and once more when it can', (t) => {
  const group = watch(t, memoryType, {}, { ...version2, 'memory.max': '1000' });
  for (let i = 0; i < 3; i++) group.look({});
  assert.equal(group.number('seen.failed_updates'), 3);
  assert.equal(group.lines.length, 1);
  assert.match(group.lines[0] ?? '', /warn.*cannot be looked at.*memory\.current/);
  for (let i = 0; i < 3; i++) group.look({ 'memory.current': '100' });
  assert.equal(group.lines.length, 2);
  assert.match(group.lines[1] ?? '', /can be looked at again/);
  group.look({ 'memory.current': 'much' });
  assert.equal(group.lines.length, 3);
});

test('the limit of the configuration counts where it is the lower one, in either version', (t) => {
  const two = watch(
    t,
    memoryType,
    { max_memory_bytes: 500 },
    { ...version2, 'memory.current': '100', 'memory.max': 'max' },
  );
  assert.equal(two.look({}), 20);
  assert.equal(two.look({ 'memory.max': '200' }), 50);
  const one = watch(
    t,
    memoryType,
    { max_memory_bytes: 500 },
    { 'memory/memory.usage_in_bytes': '100', 'memory/memory.limit_in_bytes': '9223372036854771712' },
  );
  assert.equal(one.look({}), 20);
  assert.equal(one.look({ 'memory/memory.limit_in_bytes': '125' }), 80);
});

/** Looks as often as the smoothing takes. */
function settled(
  group: ReturnType<typeof watch>,
  files: (look: number) => Readonly<Record<string, string>>,
): number {
  let pressure = 0;
  for (let i = 0; i < 200; i++) pressure = group.look(files(i));
  return pressure;
}

test('processors of a container are looked at against its quota and its set, smoothed', (t) => {
  const files = {
    ...version2,
    'cpu.stat': 'usage_usec 0',
    'cpu.max': '200000 100000',
    'cpuset.cpus.effective': '0-3,6',
  };
  const group = watch(t, cpuType, { mode: 'CONTAINER' }, files);
  assert.equal(group.look({}), 0);
  // One processor's second in a second, of two.
  assert.equal(group.look({ 'cpu.stat': 'usage_usec 1000000\nuser_usec 1' }), 3);
  assert.equal(
    settled(group, (i) => ({ 'cpu.stat': `usage_usec ${(i + 2) * 1_000_000}` })),
    50,
  );
  const free = watch(t, cpuType, { mode: 'CONTAINER' }, { ...files, 'cpu.max': 'max 100000' });
  assert.equal(
    settled(free, (i) => ({ 'cpu.stat': `usage_usec ${i * 1_000_000}` })),
    20,
  );
  const one = watch(
    t,
    cpuType,
    { mode: 'CONTAINER' },
    { 'cpu/cpu.shares': '4000', 'cpuacct/cpuacct.usage': '0' },
  );
  assert.equal(
    settled(one, (i) => ({ 'cpuacct/cpuacct.usage': `${i * 1_000_000_000}` })),
    25,
  );
});

test('the whole machine is looked at by default', () => {
  const before = hostWork();
  const decoded = decode(cpuType, {});
  assert.deepEqual(decoded.ok && decoded.value.overload?.monitors, [
    { kind: 'cpu_utilization', name: 'seen', of: 'host' },
  ]);
  const { done, possible } = hostWork();
  assert.ok(done >= before.done && possible >= before.possible && done <= possible, `${done} ${possible}`);
});

test('a limit of no memory is refused', () => {
  const decoded = decode(memoryType, { max_memory_bytes: 0 });
  assert.ok(!decoded.ok);
  assert.match(JSON.stringify(decoded.problems), /max_memory_bytes.*must be more than 0/);
});
