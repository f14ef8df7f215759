import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultForward, defaultRoute } from '../model/index.ts';
import { ask, cluster, keptAccessLog, serveHttp, upstream } from '../testing/harness.ts';

const abort = { kind: 'http' as const, status: 418, fraction: { numerator: 100, denominator: 100 as const } };
const fault = { kind: 'fault' as const, policy: { abort, headers: [], upstreamCluster: '' } };

for (const [name, logged] of [
  ['up', '418 up'],
  ['gone', '418 -'],
] as const) {
  test(`where a filter answers, the log names the cluster of the route if there is one: ${name}`, async (t) => {
    const { port: up } = await upstream(t, (_request, response) => response.end());
    const log = keptAccessLog('%RESPONSE_CODE% %UPSTREAM_CLUSTER%');
    const { port } = await serveHttp(
      t,
      [defaultRoute(defaultForward(name))],
      [cluster('up', [up])],
      {
        accessLogs: log.accessLogs,
        httpFilters: [
          { name: 'fault', config: fault, disabled: false },
          { name: 'router', config: { kind: 'router', suppressEnvoyHeaders: false }, disabled: false },
        ],
      },
      log.options,
    );
    await ask(port);
    assert.deepEqual(log.lines, [logged]);
  });
}
