import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePrometheusText } from './prometheus-text.ts';

const all = (): boolean => true;

test('series come with their labels and values, comments and what is not wanted do not', () => {
  const text = `# TYPE envoy_cluster_upstream_rq_total counter
envoy_cluster_upstream_rq_total{cluster_name="outbound|9080|v1|reviews.default.svc.cluster.local"} 31
up 1 1700000000000

istio_request_duration_milliseconds_bucket{le="+Inf", reporter="source",} 7
other{a="b"} 2
`;
  assert.deepEqual(
    parsePrometheusText(text, (name) => name !== 'other'),
    [
      {
        name: 'envoy_cluster_upstream_rq_total',
        labels: { cluster_name: 'outbound|9080|v1|reviews.default.svc.cluster.local' },
        value: 31,
      },
      { name: 'up', labels: {}, value: 1 },
      {
        name: 'istio_request_duration_milliseconds_bucket',
        labels: { le: '+Inf', reporter: 'source' },
        value: 7,
      },
    ],
  );
});

test('broken lines are left out and harm nothing after them', () => {
  const text = 'a{b="c 1\nb{c} 2\nc\nd nonsense\ne{x="1"}\nf 3\ng +Inf';
  assert.deepEqual(parsePrometheusText(text, all), [
    { name: 'f', labels: {}, value: 3 },
    { name: 'g', labels: {}, value: Infinity },
  ]);
});

test('every value of a label is read as it was written', () => {
  fc.assert(
    fc.property(fc.string(), fc.double({ noNaN: true }), (label, value) => {
      const escaped = label.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
      const number = value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value);
      const [sample] = parsePrometheusText(`a{b="${escaped}"} ${number}\n`, all);
      assert.equal(sample?.labels['b'], label);
      assert.ok(sample.value === value);
    }),
  );
});
