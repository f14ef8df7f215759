import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger, TestClock } from '@lateen/core';
import { formatAddress } from '../model/address.ts';
import { defaultCluster, type Discovery } from '../model/index.ts';
import { ClusterStats } from '../telemetry/cluster-stats.ts';
import { DnsRefresh } from './dns-refresh.ts';
import { ofFamily, systemResolver, type ResolvedName } from './name-resolver.ts';

type Answer = ResolvedName | Error;

/** A refresh over answers that the test gives; `asked` are the names in the order of the questions. */
function setUp(names: readonly string[], answers: Record<string, Answer>, more: Partial<Discovery> = {}) {
  const clock = new TestClock();
  const asked: string[] = [];
  const seen: string[][] = [];
  const stats = new ClusterStats('dns');
  const discovery = {
    kind: 'strict_dns',
    refreshMs: 5_000,
    respectTtl: false,
    family: 'auto',
    ...more,
  } as Extract<Discovery, { kind: 'strict_dns' }>;
  const assignment = {
    name: 'dns',
    overprovisioningFactor: 140,
    dropFractions: [],
    localities: [
      {
        locality: { region: '', zone: '', subZone: '' },
        priority: 0,
        endpoints: names.map((address) => ({
          address: { kind: 'socket', address, port: 80 } as const,
          hostname: '',
          healthStatus: 'unknown' as const,
          weight: 1,
          metadata: {},
        })),
      },
    ],
  };
  const refresh = new DnsRefresh(defaultCluster('dns'), discovery, assignment, {
    clock,
    logger: silentLogger,
    random: () => 1,
    stats,
    resolve: (name) => {
      asked.push(name);
      const answer = answers[name] ?? new Error('no such name');
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    onEndpoints: ({ localities }) =>
      void seen.push(localities.flatMap(({ endpoints }) => endpoints.map((e) => formatAddress(e.address)))),
  });
  return { clock, asked, seen, stats, refresh, answers };
}

/** Lets the answers that are ready arrive. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('strict DNS has an endpoint for each address, logical DNS for the first', async () => {
  const answer = { addresses: ['10.0.0.1', '10.0.0.2'], ttlMs: undefined };
  const strict = setUp(['a.example', '192.0.2.7'], { 'a.example': answer });
  await settled();
  assert.deepEqual(strict.seen, [['10.0.0.1:80', '10.0.0.2:80', '192.0.2.7:80']]);
  const logical = setUp(['a.example'], { 'a.example': answer }, { kind: 'logical_dns' });
  await settled();
  assert.deepEqual(logical.seen, [['10.0.0.1:80']]);
});

test('a name is asked for again at the refresh rate, and only a change is told', async () => {
  const { clock, asked, seen, answers, refresh } = setUp(['a.example'], {
    'a.example': { addresses: ['10.0.0.1', '10.0.0.2'], ttlMs: 1_000 },
  });
  await settled();
  clock.advance(4_999);
  assert.equal(asked.length, 1);
  answers['a.example'] = { addresses: ['10.0.0.2', '10.0.0.1'], ttlMs: 1_000 };
  clock.advance(1);
  await settled();
  assert.equal(asked.length, 2);
  assert.equal(seen.length, 1);
  answers['a.example'] = { addresses: ['10.0.0.3'], ttlMs: 1_000 };
  clock.advance(5_000);
  await settled();
  assert.deepEqual(seen[1], ['10.0.0.3:80']);
  refresh.close();
  assert.equal(clock.pending, 0);
});

test('the TTL of an answer decides when it is to be respected and is known', async () => {
  const { clock, asked, answers } = setUp(
    ['a.example'],
    { 'a.example': { addresses: ['10.0.0.1'], ttlMs: 30_000 } },
    { respectTtl: true },
  );
  await settled();
  clock.advance(29_999);
  assert.equal(asked.length, 1);
  answers['a.example'] = { addresses: ['10.0.0.1'], ttlMs: undefined };
  clock.advance(1);
  await settled();
  assert.equal(asked.length, 2);
  clock.advance(5_000);
  assert.equal(asked.length, 3);
});

test('a name that fails keeps its addresses, is tried again with a back-off, and holds up no other', async () => {
  const { clock, asked, seen, stats, answers } = setUp(
    ['a.example', 'b.example'],
    { 'a.example': new Error('SERVFAIL'), 'b.example': { addresses: ['10.0.0.2'], ttlMs: undefined } },
    { refreshMs: 3_600_000, failureBaseMs: 1_000, failureMaxMs: 4_000 },
  );
  await settled();
  assert.deepEqual(seen, [['10.0.0.2:80']]);
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    const before = asked.length;
    const startMs = clock.now();
    while (asked.length === before) clock.advance(500);
    waits.push(clock.now() - startMs);
    await settled();
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 4_000]);
  assert.equal(stats.lookups.n.failure, 5);
  answers['a.example'] = { addresses: ['10.0.0.1'], ttlMs: undefined };
  clock.advance(4_000);
  await settled();
  assert.deepEqual(seen.at(-1), ['10.0.0.1:80', '10.0.0.2:80']);
  answers['a.example'] = new Error('SERVFAIL');
  clock.advance(3_600_000);
  await settled();
  assert.equal(seen.length, 2);
});

test("the system's resolver knows the hosts file, whose names have no TTL", async () => {
  const { addresses } = await systemResolver()('localhost', 'v4_only', false);
  assert.deepEqual(addresses, ['127.0.0.1']);
});

test('where a name has addresses of both families, the lookup family says which count', () => {
  const both = [
    { family: 4, address: '10.0.0.1' },
    { family: 6, address: 'fd00::1' },
  ];
  assert.deepEqual(ofFamily('auto', both), ['fd00::1']);
  assert.deepEqual(ofFamily('v4_preferred', both), ['10.0.0.1']);
  assert.deepEqual(ofFamily('all', both), ['fd00::1', '10.0.0.1']);
  assert.deepEqual(ofFamily('auto', both.slice(0, 1)), ['10.0.0.1']);
  assert.deepEqual(ofFamily('v4_preferred', both.slice(1)), ['fd00::1']);
});
