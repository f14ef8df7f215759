import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFromJson, filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, keptAccessLog, upstream } from '../testing/harness.ts';

const cdnLoop = (config: object) => ({
  name: 'cdn',
  typed_config: { '@type': `${filterTypes}.cdn_loop.v3.CdnLoopConfig`, ...config },
});
const all = { match: { prefix: '/' }, route: { cluster: 'up' } };

test('requests are marked, and refused where they come back too often or with a header that cannot be read', async (t) => {
  const up = await upstream(t, (request, response) => response.end(request.headers['cdn-loop']));
  const log = keptAccessLog('');
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([all]),
      http_filters: [cdnLoop({ cdn_id: 'here.example', max_allowed_occurrences: 1 }), routerJson],
      access_log: [
        {
          name: 'log',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
            log_format: { text_format_source: { inline_string: '%RESPONSE_CODE_DETAILS%\n' } },
          },
        },
      ],
    },
    [clusterFromJson('up', [up.port])],
    log.options,
  );
  for (const [given, status, body, details] of [
    [undefined, 200, 'here.example', 'via_upstream'],
    ['other', 200, 'other,here.example', 'via_upstream'],
    ['here.example', 200, 'here.example,here.example', 'via_upstream'],
    ['here.example, here.example', 502, 'The server has detected a loop between CDNs.', 'cdn_loop_detected'],
    ['"x"', 400, 'Invalid CDN-Loop header in request.', 'invalid_cdn_loop_header'],
  ] as const) {
    const answer = await ask(port, '/', { headers: given === undefined ? {} : { 'cdn-loop': given } });
    assert.deepEqual([answer.status, answer.body], [status, body], given ?? 'none');
    assert.equal(log.lines.at(-1)?.trim(), details);
  }
});

test('a name that no CDN may have is refused', async (t) => {
  for (const cdn_id of ['a b', '"a"']) {
    const manager = { route_config: routesJson([all]), http_filters: [cdnLoop({ cdn_id }), routerJson] };
    await assert.rejects(
      serveEnvoy(t, manager, []),
      /cdn_id.*must be a host, with or without a port, or a token/,
    );
  }
});
