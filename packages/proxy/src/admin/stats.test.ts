import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { activeStatsPage, statsPage } from './stats-page.ts';
import { HistogramIntervals } from '../telemetry/histogram-intervals.ts';
import { Histogram } from '../telemetry/histogram.ts';
import { StatsRegistry } from '../telemetry/stats-registry.ts';
import { prometheusAnswer, statsAnswer, statsChoices } from './stats.ts';

function registry(): StatsRegistry {
  const time = new Histogram();
  for (const ms of [3, 3, 7, 40]) time.record(ms);
  return registryOf(time);
}

function registryOf(time: Histogram): StatsRegistry {
  const stats = new StatsRegistry();
  stats.add({
    prefix: 'cluster.a.',
    prometheusPrefix: 'envoy_cluster_',
    labels: { cluster_name: 'a' },
    visit(visitor) {
      visitor.number('rq_total', 'counter', 4);
      visitor.number('rq_error', 'counter', 0);
      visitor.number('rq_active', 'gauge', 1);
      visitor.histogram('rq_time', time);
      visitor.text('version', 'v1');
    },
    resetCounters() {},
  });
  return stats;
}

function ask(query: string): { readonly status: number; readonly body: string } {
  return statsAnswer(registry(), new URLSearchParams(query), () => new Map());
}

test('statistics are shown by kind, by name, and only those that are used', () => {
  assert.equal(ask('type=Counters').body, 'cluster.a.rq_error: 0\ncluster.a.rq_total: 4\n');
  assert.equal(ask('type=Counters&usedonly').body, 'cluster.a.rq_total: 4\n');
  assert.equal(ask('type=Gauges').body, 'cluster.a.rq_active: 1\n');
  assert.equal(ask('type=TextReadouts').body, 'cluster.a.version: "v1"\n');
  assert.equal(ask('filter=%5Erq').body, '');
  assert.equal(ask('filter=rq_t.*l$').body, 'cluster.a.rq_total: 4\n');
  assert.equal(ask('type=Gauges&invert_filter&filter=total').body, 'cluster.a.rq_active: 1\n');
  assert.equal(
    ask('format=json&filter=rq_total').body,
    '{"stats":[{"name":"cluster.a.rq_total","value":4}]}',
  );
  assert.match(
    ask('type=Histograms').body,
    /^cluster\.a\.rq_time: P0\(nan,1\) P25\(nan,3\) .* P100\(nan,50\)\n$/,
  );
});

test('histograms are shown by their buckets where that is asked for', () => {
  assert.match(
    ask('type=Histograms&histogram_buckets=cumulative').body,
    /^cluster\.a\.rq_time: B0\.5\(0,0\) B1\(0,0\) B5\(0,2\) B10\(0,3\) B25\(0,3\) B50\(0,4\) B100\(0,4\) /,
  );
  assert.match(
    ask('type=Histograms&histogram_buckets=disjoint').body,
    / B5\(0,2\) B10\(0,1\) B25\(0,0\) B50\(0,1\) B100\(0,0\) /,
  );
});

test('as JSON histograms stand in one object at the end', () => {
  const { stats } = JSON.parse(ask('format=json').body) as {
    readonly stats: readonly Record<string, unknown>[];
  };
  const last = stats.at(-1) as {
    readonly histograms: {
      readonly supported_quantiles: readonly number[];
      readonly computed_quantiles: readonly { readonly name: string; readonly values: readonly object[] }[];
    };
  };
  assert.deepEqual(stats[0], { name: 'cluster.a.rq_active', value: 1 });
  assert.equal(last.histograms.supported_quantiles[2], 50);
  assert.equal(last.histograms.computed_quantiles[0]?.name, 'cluster.a.rq_time');
  assert.deepEqual(last.histograms.computed_quantiles[0]?.values.at(-1), { interval: null, cumulative: 50 });
  const buckets = JSON.parse(ask('format=json&type=Histograms&histogram_buckets=disjoint').body) as {
    readonly stats: readonly [{ readonly histograms: readonly [{ readonly buckets: readonly object[] }] }];
  };
  assert.deepEqual(buckets.stats[0].histograms[0].buckets[2], { upper_bound: 5, interval: 0, cumulative: 2 });
});

test('details are the buckets that are filled, and the summary', () => {
  const text = ask('type=Histograms&histogram_buckets=detailed').body;
  assert.match(
    text,
    /^cluster\.a\.rq_time:\n {2}totals=1,4:2, 5,5:1, 25,25:1\n {2}intervals=\n {2}summary=P0\(nan,1\) /,
  );
  const { stats } = JSON.parse(ask('format=json&type=Histograms&histogram_buckets=detailed').body) as {
    readonly stats: readonly [
      { readonly histograms: { readonly details: readonly [{ readonly totals: object[] }] } },
    ];
  };
  assert.deepEqual(stats[0].histograms.details[0].totals[1], { lower_bound: 5, width: 5, count: 1 });
});

test('the last whole interval is shown from the second look on, while somebody looks', async () => {
  const clock = new TestClock();
  const time = new Histogram();
  const stats = registryOf(time);
  const intervals = new HistogramIntervals(clock, 5_000, async () => stats.histogramStates());
  const median = async (): Promise<string | undefined> => {
    await new Promise((resolve) => setImmediate(resolve));
    const query = new URLSearchParams('type=Histograms&usedonly');
    return / (P50\(\S*\)) /.exec(statsAnswer(stats, query, () => intervals.look()).body)?.[1];
  };
  const pass = async (ms: number): Promise<void> => {
    for (let i = 0; i < ms; i += 5_000) {
      clock.advance(5_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  for (let i = 0; i < 100; i++) time.record(40);
  assert.equal(await median(), 'P50(nan,37.5)');
  await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 4; i++) time.record(3);
  assert.equal(await median(), 'P50(nan,37)');
  await pass(5_000);
  assert.equal(await median(), 'P50(3,37)');
  await pass(5_000);
  assert.equal(await median(), 'P50(nan,37)');
  time.record(3);
  await pass(100_000);
  assert.equal(await median(), 'P50(nan,36.88)');
  await pass(100_000);
  assert.equal(clock.pending, 0);
});

test('what nobody knows is answered by what there is', () => {
  for (const query of [
    'type=Sums',
    'type=toString',
    'histogram_buckets=square',
    'histogram_buckets=toString',
    'format=xml',
    'filter=(',
  ]) {
    const { status, body } = ask(query);
    assert.equal(status, 400, query);
    assert.match(body, /usage|regex|invalid/, query);
  }
});

test('Prometheus has labels, and words only where they are asked for', () => {
  const scrape = (query: string): string => prometheusAnswer(registry(), new URLSearchParams(query)).body;
  assert.match(
    scrape(''),
    /^# TYPE envoy_cluster_rq_total counter\nenvoy_cluster_rq_total\{cluster_name="a"\} 4\n/,
  );
  assert.match(scrape(''), /envoy_cluster_rq_time_bucket\{cluster_name="a",le="10"\} 3\n/);
  assert.match(
    scrape('filter=rq_time&histogram_buckets=summary'),
    /^# TYPE envoy_cluster_rq_time summary\n.*quantile="0.5"\} 5\n.*_sum\{cluster_name="a"\} 53\n.*_count\{cluster_name="a"\} 4\n$/s,
  );
  assert.equal(prometheusAnswer(registry(), new URLSearchParams('histogram_buckets=round')).status, 400);
  assert.doesNotMatch(scrape(''), /version/);
  assert.match(scrape('text_readouts'), /envoy_cluster_version\{cluster_name="a",text_value="v1"\} 0\n/);
  assert.equal(
    scrape('filter=rq_active'),
    '# TYPE envoy_cluster_rq_active gauge\nenvoy_cluster_rq_active{cluster_name="a"} 1\n',
  );
});

test('pages have a form with what was chosen, and show nothing that could be taken for their own', () => {
  const query = new URLSearchParams('format=html&type=Gauges&usedonly&filter="><script>');
  const { contentType, body } = statsPage(query, statsChoices, 'cluster.<b>.rq_active: 1\n');
  assert.equal(contentType, 'text/html; charset=UTF-8');
  assert.match(body, /<option selected>Gauges<.*<option selected>html</s);
  assert.match(body, /name="usedonly" value="" checked/);
  assert.ok(body.includes('<pre>cluster.&lt;b&gt;.rq_active: 1\n</pre>'));
  assert.ok(!body.includes('"><script>'));
  assert.match(activeStatsPage(query, statsChoices).body, /<tbody id="rows">/);
  assert.equal(ask('format=html&type=Gauges').body, 'cluster.a.rq_active: 1\n');
  assert.match(
    ask('format=xml').body,
    /usage: \/stats\?format=\(html\|active-html\|json\|text\|prometheus\)/,
  );
});
