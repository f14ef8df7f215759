import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLogger, TestClock } from '@lateen/core';
import { decodeBootstrap } from '../bootstrap/bootstrap.ts';
import { StatsRegistry } from '../telemetry/stats-registry.ts';
import { OverloadManager } from './overload-manager.ts';
import { anonymousBytes } from './process-memory.ts';

const monitors = 'type.googleapis.com/envoy.extensions.resource_monitors';
const action = (name: string, trigger: object) => ({
  name: `envoy.overload_actions.${name}`,
  triggers: [{ name: 'told', ...trigger }],
});

function decoded(overload_manager: object) {
  const result = decodeBootstrap({ overload_manager });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value.overload!;
}

/** A manager whose one resource is told by a file; time moves by hand. */
function told(t: TestContext, actions: readonly object[]) {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-overload-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'pressure');
  const clock = new TestClock();
  let shrunk = 0;
  const manager = new OverloadManager({
    config: decoded({
      refresh_interval: '0.5s',
      resource_monitors: [
        {
          name: 'told',
          typed_config: {
            '@type': `${monitors}.injected_resource.v3.InjectedResourceConfig`,
            filename: file,
          },
        },
      ],
      actions,
    }),
    clock,
    log: silentLogger,
    shrinkHeap: () => void shrunk++,
  });
  t.after(() => manager.close());
  const stats = new StatsRegistry();
  stats.add(manager);
  return {
    manager,
    clock,
    shrunk: () => shrunk,
    stats: () => stats.text(),
    put: (text: string): void => {
      writeFileSync(file, text);
      clock.advance(500);
    },
  };
}

test('an action is taken from its threshold on, or grows between two', (t) => {
  const { manager, put, stats } = told(t, [
    action('stop_accepting_requests', { threshold: { value: 0.95 } }),
    action('disable_http_keepalive', { scaled: { scaling_threshold: 0.5, saturation_threshold: 0.9 } }),
    action('reject_incoming_connections', { threshold: { value: 0.9 } }),
  ]);
  const { state } = manager;
  const now = () => [
    state.stopAcceptingRequests,
    Math.round(100 * state.disableHttpKeepalive),
    state.rejectIncomingConnections,
  ];
  assert.deepEqual(now(), [0, 0, 0]);
  put('0.5');
  assert.deepEqual(now(), [0, 0, 0]);
  put('0.7');
  assert.deepEqual(now(), [0, 50, 0]);
  assert.match(stats(), /overload\.envoy\.overload_actions\.disable_http_keepalive\.active: 0\n/);
  assert.match(stats(), /overload\.envoy\.overload_actions\.disable_http_keepalive\.scale_percent: 50\n/);
  put('0.9');
  assert.deepEqual(now(), [0, 100, 1]);
  put('1');
  assert.deepEqual(now(), [1, 100, 1]);
  assert.match(stats(), /overload\.told\.pressure: 100\n/);
  assert.match(stats(), /overload\.envoy\.overload_actions\.stop_accepting_requests\.active: 1\n/);
  put('0.1');
  assert.deepEqual(now(), [0, 0, 0]);
});

test('a resource that cannot be looked at stays as it was, and is counted', (t) => {
  const { manager, put, stats } = told(t, [action('stop_accepting_requests', { threshold: { value: 0.9 } })]);
  put('0.95');
  for (const text of ['', '1.5', 'much']) put(text);
  assert.equal(manager.state.stopAcceptingRequests, 1);
  assert.match(stats(), /overload\.told\.failed_updates: 3\n/);
});

test('while memory is short it is given back every ten seconds', (t) => {
  const { put, clock, shrunk } = told(t, [action('shrink_heap', { threshold: { value: 0.9 } })]);
  put('0.89');
  assert.equal(shrunk(), 0);
  put('0.9');
  assert.equal(shrunk(), 1);
  clock.advance(9_500);
  assert.equal(shrunk(), 1);
  clock.advance(500);
  assert.equal(shrunk(), 2);
  put('0.5');
  clock.advance(20_000);
  assert.equal(shrunk(), 2);
});

test('the heap is what the process holds in memory that no file backs', (t) => {
  const clock = new TestClock();
  const most = anonymousBytes() * 2;
  const manager = new OverloadManager({
    config: decoded({
      resource_monitors: [
        {
          name: 'heap',
          typed_config: { '@type': `${monitors}.fixed_heap.v3.FixedHeapConfig`, max_heap_size_bytes: most },
        },
      ],
      actions: [
        {
          name: 'envoy.overload_actions.stop_accepting_requests',
          triggers: [{ name: 'heap', threshold: { value: 0.9 } }],
        },
      ],
    }),
    clock,
    log: silentLogger,
    shrinkHeap() {},
  });
  t.after(() => manager.close());
  clock.advance(1_000);
  assert.equal(manager.state.stopAcceptingRequests, 0);
  const held = Buffer.alloc(most, 1);
  clock.advance(1_000);
  assert.equal(manager.state.stopAcceptingRequests, 1);
  assert.equal(held[most - 1], 1);
});

test('what the overload manager cannot do is refused, with the place', () => {
  const result = decodeBootstrap({
    overload_manager: {
      resource_monitors: [
        {
          name: 'told',
          typed_config: { '@type': `${monitors}.fixed_heap.v3.FixedHeapConfig`, max_heap_size_bytes: 1 },
        },
      ],
      actions: [
        action('stop_accepting_connections', { threshold: { value: 1 } }),
        {
          name: 'envoy.overload_actions.shrink_heap',
          triggers: [{ name: 'other', threshold: { value: 1 } }],
        },
        action('shrink_heap', { scaled: { scaling_threshold: 0.9, saturation_threshold: 0.9 } }),
      ],
    },
  });
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problems.map(({ path, message }) => `${path}: ${message}`),
    [
      'overload_manager.actions[0].name: "envoy.overload_actions.stop_accepting_connections" is not supported: use one of stop_accepting_requests, disable_http_keepalive, reject_incoming_connections, shrink_heap',
      'overload_manager.actions[1].triggers[0].name: there is no resource monitor "other"',
      'overload_manager.actions[2].triggers[0].scaled.scaling_threshold: 0.9 is not below saturation_threshold',
    ],
  );
});
