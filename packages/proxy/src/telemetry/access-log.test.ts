import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { RequestHead, ResponseHead } from '../codec/head.ts';
import { headerName } from '../codec/header-name.ts';
import type { AccessLog } from '../model/access-log.ts';
import { compileAccessLog, LogFiles } from './access-log.ts';
import { compileFormat, formatTime } from './format.ts';
import { flag } from './response-flags.ts';
import type { StreamInfo } from './stream-info.ts';

function info(more: Partial<StreamInfo> = {}): StreamInfo {
  const request = new RequestHead();
  request.method = 'GET';
  request.authority = 'reviews:9080';
  request.path = '/reviews/0?x=1';
  request.headers.add(headerName('user-agent'), 'curl/8.0');
  request.headers.add(headerName('x-request-id'), 'id-1');
  const response = new ResponseHead();
  response.status = 200;
  response.headers.add(headerName('x-envoy-upstream-service-time'), '7');
  return {
    request,
    response,
    responseTrailers: undefined,
    status: 200,
    flags: 0,
    details: 'via_upstream',
    bytesReceived: 3,
    bytesSent: 295,
    startWallMs: Date.UTC(2026, 10, 20, 18, 29, 5, 42),
    durationMs: 12.4,
    requestDurationMs: 1,
    responseDurationMs: 10,
    downstreamRemote: { kind: 'socket', address: '10.244.0.7', port: 41234 },
    downstreamDirectRemote: { kind: 'socket', address: '10.244.0.7', port: 41234 },
    downstreamLocal: { kind: 'socket', address: '10.96.0.20', port: 9080 },
    downstreamTls: undefined,
    requestedServerName: '',
    upstreamHost: '10.244.0.9:9080',
    upstreamLocal: '10.244.0.7:50000',
    upstreamCluster: 'outbound|9080||reviews.default.svc.cluster.local',
    upstreamFailure: '',
    routeName: 'default',
    virtualHost: 'reviews',
    attempts: 1,
    connectionId: 5,
    peer: undefined,
    endpoint: undefined,
    upstreamModel: undefined,
    dynamicMetadata: { shop: { item: { count: 2 }, name: 'tea' } },
    ...more,
  };
}

function lineOf(log: Partial<AccessLog>, about: StreamInfo): string {
  let text = '';
  const compiled = compileAccessLog(
    { name: 'test', sink: { kind: 'stdout' }, ...log },
    (_sink, line) => void (text += line),
  );
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  compiled.value.log(about);
  return text;
}

test("without a format a line is Envoy's own", () => {
  assert.equal(
    lineOf({}, info()),
    '[2026-11-20T18:29:05.042Z] "GET /reviews/0?x=1 HTTP/1.1" 200 - 3 295 12 7 "-" "curl/8.0" "id-1" "reviews:9080" "10.244.0.9:9080"\n',
  );
});

test('the path that the client asked for is shown where it was rewritten', () => {
  const about = info();
  about.request?.headers.add(headerName('x-envoy-original-path'), '/before');
  assert.match(lineOf({}, about), /"GET \/before HTTP\/1\.1"/);
});

test('operators take arguments, alternatives and lengths; what is missing is a dash', () => {
  const format = (text: string, about = info()): string => lineOf({ format: { kind: 'text', text } }, about);
  assert.equal(
    format('%REQ(:AUTHORITY):4%|%REQ(NO?USER-AGENT)%|%REQ(NO)%|%RESP(NO)%|100%%'),
    'revi|curl/8.0|-|-|100%',
  );
  assert.equal(
    format('%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%'),
    '10.244.0.7:41234 10.96.0.20',
  );
  assert.equal(
    format('%UPSTREAM_CLUSTER% %ROUTE_NAME%'),
    'outbound|9080||reviews.default.svc.cluster.local default',
  );
  assert.equal(
    format(
      '%RESPONSE_FLAGS%',
      info({ flags: flag.upstreamConnectionFailure | flag.upstreamRetryLimitExceeded }),
    ),
    'UF,URX',
  );
  assert.equal(
    format('%DYNAMIC_METADATA(shop:name)% %DYNAMIC_METADATA(shop:item)% %DYNAMIC_METADATA(shop:no:more)%'),
    'tea {"count":2} -',
  );
  assert.equal(format('%START_TIME(%Y/%m/%d %H:%M:%S.%3f %s)%'), '2026/11/20 18:29:05.042 1795199345');
});

test('JSON keeps the types of single operators, nests, and leaves empty values out when asked', () => {
  const json = {
    code: '%RESPONSE_CODE%',
    text: 'took %DURATION% ms',
    nothing: '%REQ(NO)%',
    in: { list: ['%PROTOCOL%', 1] },
  };
  assert.deepEqual(JSON.parse(lineOf({ format: { kind: 'json', json, omitEmpty: false } }, info())), {
    code: 200,
    text: 'took 12 ms',
    nothing: null,
    in: { list: ['HTTP/1.1', 1] },
  });
  const omitted = JSON.parse(lineOf({ format: { kind: 'json', json, omitEmpty: true } }, info())) as object;
  assert.ok(!('nothing' in omitted));
});

test('a format with an operator that nobody knows is a problem', () => {
  assert.ok(!compileFormat('%NO_SUCH_OPERATOR%').ok);
  assert.ok(!compileFormat('%REQ(').ok);
});

test('filters decide which requests are written', () => {
  const written = (filter: AccessLog['filter'], about: StreamInfo): boolean =>
    lineOf(filter === undefined ? {} : { filter }, about) !== '';
  const failed = info({ status: 503, flags: flag.noHealthyUpstream });
  assert.ok(written({ kind: 'status', op: 'ge', value: 400 }, failed));
  assert.ok(!written({ kind: 'status', op: 'ge', value: 400 }, info()));
  assert.ok(written({ kind: 'response_flags', flags: ['UH'] }, failed));
  assert.ok(!written({ kind: 'response_flags', flags: ['UF'] }, failed));
  assert.ok(!written({ kind: 'response_flags', flags: [] }, info()));
  assert.ok(written({ kind: 'duration', op: 'ge', valueMs: 10 }, info()));
  assert.ok(
    written(
      {
        kind: 'and',
        filters: [
          { kind: 'status', op: 'eq', value: 503 },
          {
            kind: 'or',
            filters: [
              { kind: 'response_flags', flags: ['NR'] },
              { kind: 'duration', op: 'le', valueMs: 20 },
            ],
          },
        ],
      },
      failed,
    ),
  );
});

test('times are formatted as strftime does', () => {
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
  assert.equal(formatTime(at, '%Y-%m-%dT%H:%M:%S.%6fZ %% %b'), '2026-01-02T03:04:05.006000Z % Jan');
});

test('lines are written to files in batches, all of them by the end', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'access-log-'));
  const file = join(dir, 'log');
  const files = new LogFiles(new TestClock());
  files.write(file, 'one\n');
  files.write(file, 'two\n');
  await files.close();
  assert.equal(readFileSync(file, 'utf8'), 'one\ntwo\n');
  rmSync(dir, { recursive: true });
});
