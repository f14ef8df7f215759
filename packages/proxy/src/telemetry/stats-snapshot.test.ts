import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Histogram } from './histogram.ts';
import { StatsRegistry, type StatGroup } from './stats-registry.ts';
import { carriedOver, mergeMetrics, type StatsSnapshot } from './stats-snapshot.ts';

function group(prefix: string, total: number, active: number, values: readonly number[] = []): StatGroup {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return {
    prefix,
    prometheusPrefix: 'envoy_http_',
    labels: { p: prefix },
    visit(visitor) {
      visitor.number('cx_total', 'counter', total);
      visitor.number('cx_active', 'gauge', active);
      visitor.number('membership_total', 'gauge', 7);
      visitor.histogram('time', histogram);
    },
    resetCounters() {},
  };
}

function registry(...groups: readonly StatGroup[]): StatsRegistry {
  const stats = new StatsRegistry();
  for (const one of groups) stats.add(one);
  return stats;
}

/** As it comes out of another process. */
function sent(snapshot: StatsSnapshot): StatsSnapshot {
  return JSON.parse(JSON.stringify(snapshot)) as StatsSnapshot;
}

test('a process that took over goes on counting, and shows what the other still has', () => {
  const before = sent(registry(group('a.', 10, 2, [3, 700]), group('gone.', 1, 0)).snapshot());
  const own = registry(group('a.', 5, 1, [3]));
  const alive = own.mergedWith([carriedOver(before, true)]).text();
  assert.match(alive, /^a\.cx_total: 15$/m);
  assert.match(alive, /^a\.cx_active: 3$/m);
  assert.match(alive, /^a\.membership_total: 7$/m);
  assert.match(alive, /^gone\.cx_total: 1$/m);
  const ended = own.mergedWith([carriedOver(before, false)]);
  assert.match(ended.text(), /^a\.cx_active: 1$/m);
  assert.match(ended.prometheus(), /^envoy_http_time_count\{p="a\."\} 3$/m);
  assert.equal(own.mergedWith([]), own);
});

test('merged histograms are those of all values together', () => {
  const values = fc.array(fc.integer({ min: 0, max: 4_000_000 }), { maxLength: 30 });
  fc.assert(
    fc.property(values, values, (a, b) => {
      const merged = registry(group('x.', 0, 0, a)).mergedWith([
        sent(registry(group('x.', 0, 0, b)).snapshot()),
      ]);
      const whole = registry(group('x.', 0, 0, [...a, ...b]));
      const times = (text: string): string[] => text.split('\n').filter((line) => line.includes('time'));
      assert.deepEqual(times(merged.prometheus()), times(whole.prometheus()));
    }),
  );
});

test('metrics of the same labels are added, and others stay apart', () => {
  const merged = mergeMetrics([
    '# TYPE r counter\nr{a="x y"} 1\nr{a="z"} 2\n',
    '# TYPE r counter\nr{a="x y"} 3\n# TYPE s counter\ns 1\n',
  ]);
  assert.equal(merged, '# TYPE r counter\nr{a="x y"} 4\nr{a="z"} 2\n# TYPE s counter\ns 1\n');
});
