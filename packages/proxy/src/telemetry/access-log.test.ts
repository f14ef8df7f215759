import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { RequestHead, ResponseHead } from '../codec/head.ts';
import { bodyBytes } from '../codec/byte-meter.ts';
import { headerName } from '../codec/header-name.ts';
import type { AccessLog } from '../model/access-log.ts';
import { compileAccessLog } from './access-log.ts';
import { LogFiles } from './log-files.ts';
import { formatTime } from './format-time.ts';
import { compileFormat } from './format.ts';
import { flag } from './response-flags.ts';
import type { StreamInfo } from './stream-info.ts';
import { until } from '../testing/harness.ts';

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
    { writeLog: (_sink, line) => void (text += line), remoteLogs: undefined },
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
  assert.equal(format('%RESP(:STATUS)% %RESP(NO?:STATUS)% %RESPONSE_HEADER(:status):1%'), '200 200 2');
  assert.equal(format('%RESP(:STATUS)%', info({ response: undefined })), '-');
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
    'URX,UF',
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
  const sparse = { ...json, text: 'by %REQ(NO)%%REQ(NO):4%.', short: '%REQ(NO):4%' };
  assert.deepEqual(JSON.parse(lineOf({ format: { kind: 'json', json: sparse, omitEmpty: true } }, info())), {
    code: 200,
    text: 'by .',
    in: { list: ['HTTP/1.1', 1] },
  });
  const text = '%REQ(NO)%|%REQ(NO):4%|%PROTOCOL%';
  assert.equal(lineOf({ format: { kind: 'text', text, omitEmpty: true } }, info()), '||HTTP/1.1');
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

test('logs that were moved away are opened anew where that is asked for', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'access-log-'));
  const file = join(dir, 'log');
  const files = new LogFiles(new TestClock());
  files.write(file, 'before\n');
  files.flush();
  await until(() => existsSync(file));
  renameSync(file, `${file}.1`);
  files.reopen();
  files.write(file, 'after\n');
  await files.close();
  assert.equal(readFileSync(`${file}.1`, 'utf8'), 'before\n');
  assert.equal(readFileSync(file, 'utf8'), 'after\n');
  const counted: Record<string, number> = {};
  files.visit({
    number: (name, _kind, value) => void (counted[name] = value),
    histogram: () => {},
    text: () => {},
  });
  assert.equal(counted['write_completed'], 2);
  rmSync(dir, { recursive: true });
});

test('every form of the status of gRPC can be written, also of an answer that has none', () => {
  const format = '%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER%';
  const about = info();
  const line = (one: StreamInfo): string => lineOf({ format: { kind: 'text', text: format } }, one);
  assert.equal(line(about), '- - - -');
  about.response?.headers.add(headerName('grpc-status'), '4');
  assert.equal(line(about), 'DeadlineExceeded DEADLINE_EXCEEDED 4 4');
  const failed = info({ status: 503 });
  failed.request?.headers.add(headerName('content-type'), 'application/grpc');
  assert.equal(line(failed), 'Unavailable UNAVAILABLE 14 14');
  assert.ok(!compileFormat('%GRPC_STATUS(HEX)%').ok);
});

test('operators read metadata, queries, parts of addresses and the environment', () => {
  const about = info({
    dynamicMetadata: { ns: { a: { b: 7 }, text: 'x' } },
    routeMetadata: { istio: { config: 'vs' } },
    traceId: 'abc',
    flags: flag.noRouteFound,
  });
  const line = (text: string): string => lineOf({ format: { kind: 'text', text } }, about);
  assert.equal(
    line('%DYNAMIC_METADATA(ns:a:b)% %DYNAMIC_METADATA(ns:a)% %DYNAMIC_METADATA(ns:no)%'),
    '7 {"b":7} -',
  );
  assert.equal(line('%METADATA(ROUTE:istio:config)% %METADATA(DYNAMIC:ns:text)%'), 'vs x');
  assert.equal(line('%QUERY_PARAM(x)% %QUERY_PARAM(y)% %REQ_WITHOUT_QUERY(:PATH)%'), '1 - /reviews/0');
  assert.equal(
    line('%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT% %UPSTREAM_LOCAL_PORT%'),
    '10.244.0.9 9080 50000',
  );
  assert.equal(line('%RESPONSE_FLAGS_LONG% %TRACE_ID% %ACCESS_LOG_TYPE%'), 'NoRouteFound abc DownstreamEnd');
  assert.equal(line('%EMIT_TIME%'), '2026-11-20T18:29:05.054Z');
  assert.equal(line('%ENVIRONMENT(LATEEN_NO_SUCH)% %FILTER_STATE(x)%'), '- -');
  assert.match(line('%UNIQUE_ID%'), /^[0-9a-f-]{36}$/);
  assert.ok(!compileFormat('%METADATA(NOBODY:a)%').ok);
});

test('filters go by gRPC status, event, metadata and trace', () => {
  const written = (filter: AccessLog['filter'], about: StreamInfo): boolean =>
    lineOf(filter === undefined ? {} : { filter }, about) !== '';
  const failed = info({ status: 503 });
  assert.ok(written({ kind: 'grpc_status', statuses: [14], exclude: false }, failed));
  assert.ok(!written({ kind: 'grpc_status', statuses: [14], exclude: true }, failed));
  assert.ok(written({ kind: 'grpc_status', statuses: [0], exclude: false }, info()));
  assert.ok(written({ kind: 'log_type', types: ['DownstreamEnd'], exclude: false }, info()));
  assert.ok(!written({ kind: 'log_type', types: ['DownstreamEnd'], exclude: true }, info()));
  const byTier = (more: { readonly invert?: boolean; readonly matchIfMissing?: boolean }) =>
    ({
      kind: 'metadata',
      namespace: 'ns',
      path: ['tier'],
      match: { kind: 'string', match: { kind: 'exact', value: 'gold' } },
      invert: false,
      matchIfMissing: false,
      ...more,
    }) as const;
  const gold = info({ dynamicMetadata: { ns: { tier: 'gold' } } });
  assert.ok(written(byTier({}), gold));
  assert.ok(!written(byTier({ invert: true }), gold));
  assert.ok(!written(byTier({}), info()));
  assert.ok(written(byTier({ matchIfMissing: true }), info()));
  const traced = info();
  assert.ok(!written({ kind: 'traceable' }, traced));
  traced.request?.headers.set(headerName('x-request-id'), '00000000-0000-9000-8000-000000000000');
  assert.ok(written({ kind: 'traceable' }, traced));
});

test('a file that cannot be opened and an operator that is not known are named by their places', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-log-'));
  const compile = (sink: string, format?: AccessLog['format']) =>
    compileAccessLog(
      { name: 'log', sink: { kind: 'file', path: sink }, ...(format === undefined ? {} : { format }) },
      { writeLog: () => {}, remoteLogs: undefined },
    );
  const json = { kind: 'json', json: { a: { b: '%NO_SUCH%' } }, omitEmpty: false } as const;
  const compiled = compile(join(folder, 'none', 'log'), json);
  assert.ok(!compiled.ok);
  assert.deepEqual(
    compiled.problems.map(({ path }) => path),
    ['log_format.json_format.a.b', 'path'],
  );
  assert.match(compiled.problems[1]?.message ?? '', /^cannot be opened: ENOENT/);
  assert.ok(compile(join(folder, 'log')).ok);
  assert.ok(existsSync(join(folder, 'log')));
  rmSync(folder, { recursive: true });
});

test('durations between points of a request are told in the precision that is asked for', () => {
  const of = (format: string, more: Partial<StreamInfo> = {}): string => {
    const compiled = compileFormat(`%COMMON_DURATION(${format})%`);
    assert.ok(compiled.ok, format);
    return compiled.value.render(info({ upstreamReadyMs: 3.25, poolReadyMs: 2, ...more }));
  };
  assert.equal(of('DS_RX_BEG:DS_TX_END:ms'), '12');
  assert.equal(of('DS_RX_BEG:DS_TX_END:us'), '12400');
  assert.equal(of('DS_RX_END:US_TX_BEG:us'), '2250');
  assert.equal(of('US_TX_END:US_RX_BEG:ns'), '6750000');
  assert.equal(of('US_RX_BEG:US_RX_END:ms'), '2');
  // As Envoy: an end that is before its beginning is negative.
  assert.equal(of('DS_TX_BEG:DS_RX_END:ms'), '-9');
  assert.equal(of('US_RX_BEG:DS_TX_END:ms', { details: 'route_not_found' }), '-');
  assert.equal(of('US_CX_BEG:US_CX_END'), '-');
  const connectTimes = { beginMs: -2.5, connectedMs: -0.25, securedMs: undefined };
  assert.equal(of('US_CX_BEG:US_CX_END', { connectTimes }), '2');
  assert.equal(of('DS_RX_BEG:a_point_of_a_filter:ms'), '-');
  assert.equal(of('DS_RX_BEG:DS_TX_END:ms', { request: undefined }), '-');
  for (const wrong of ['DS_RX_BEG', 'DS_RX_BEG:DS_TX_END:s', '', ':DS_TX_END:ms'])
    assert.match(
      JSON.stringify(compileFormat(`%COMMON_DURATION(${wrong})%`)),
      /START:END, and :ms, :us or :ns/,
    );
});

test('paths are told as they came or as they are, expressions and times of the place are worked out', () => {
  const rewritten = info();
  rewritten.request?.headers.add(headerName('x-envoy-original-path'), '/first?y=2');
  const line = (format: string, about = rewritten): string => {
    const compiled = compileFormat(format);
    assert.ok(compiled.ok, format);
    return compiled.value.render(about);
  };
  assert.equal(
    line('%PATH% %PATH(NQ)% %PATH(WQ:PATH)% %PATH(NQ:PATH)% %PATH(:ORIG):6%'),
    '/first?y=2 /first /reviews/0?x=1 /reviews/0 /first',
  );
  assert.equal(line('%PATH(WQ:ORIG)% %PATH%', info()), '- /reviews/0?x=1');
  assert.equal(
    line(
      "%CEL(request.headers['user-agent'])% %CEL(response.code >= 400)% %CEL(size(request.method) + 1)% %CEL(request.id):2% %CEL(xds.route_metadata)%",
    ),
    'curl/8.0 false 4 id -',
  );
  assert.match(JSON.stringify(compileFormat('%CEL(request.nothing)%')), /request\.nothing/);
  assert.match(JSON.stringify(compileFormat('%PATH(QQ)%')), /ORIG_OR_PATH/);
  const { startWallMs } = rewritten;
  const offset = new Date(startWallMs).getTimezoneOffset();
  assert.equal(Date.parse(line('%START_TIME_LOCAL%')), startWallMs);
  assert.equal(line('%START_TIME_LOCAL(%H:%M)%'), formatTime(startWallMs - offset * 60_000, '%H:%M'));
  assert.equal(formatTime(startWallMs, '%F %T %z %s', 330), '2026-11-20 23:59:05 +0530 1795199345');
  assert.equal(formatTime(startWallMs, '%R%z %Z', -90), '16:59-0130 -0130');
});

test('what is not known of the wire or the connection is left out', () => {
  const compiled = compileFormat(
    '%FILTER_CHAIN_NAME% %UPSTREAM_CONNECTION_POOL_READY_DURATION% %DOWNSTREAM_WIRE_BYTES_RECEIVED% %UPSTREAM_HEADER_BYTES_SENT% %DOWNSTREAM_DETECTED_CLOSE_TYPE%',
  );
  assert.ok(compiled.ok);
  const about = { filterChainName: 'mesh', poolReadyMs: 1.7, upstreamHost: '10.0.0.1:80' };
  assert.equal(compiled.value.render(info(about)), 'mesh 1 - - Normal');
  assert.equal(compiled.value.render(info({ downstreamBytes: bodyBytes(3, 295) })), '- - 3 - Normal');
});

test('of requests it is said that their connections ended in order, the upstream one where there is one', () => {
  const compiled = compileFormat(
    '%DOWNSTREAM_DETECTED_CLOSE_TYPE% %UPSTREAM_DETECTED_CLOSE_TYPE% %DOWNSTREAM_LOCAL_CLOSE_REASON% %CONNECTION_TERMINATION_DETAILS%',
  );
  assert.ok(compiled.ok);
  assert.equal(compiled.value.render(info({ upstreamHost: '10.0.0.1:80' })), 'Normal Normal - -');
  assert.equal(compiled.value.render(info({ upstreamHost: '' })), 'Normal - - -');
});

test('addresses are masked, and details keep their spaces, where that is asked for', () => {
  const six = { kind: 'socket' as const, address: '2001:db8:1234:5678:9abc:def0:1234:5678', port: 1 };
  const about = info({ downstreamRemote: six, details: 'a reason' });
  const line = (format: string): string => {
    const compiled = compileFormat(format);
    assert.ok(compiled.ok, format);
    return compiled.value.render(about);
  };
  assert.equal(
    line('%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(64)% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(20)%'),
    '2001:db8:1234:5678::/64 10.96.0.0/20',
  );
  assert.equal(
    line('%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(0)% %UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(128)%'),
    '0.0.0.0/0 10.244.0.7/32',
  );
  assert.equal(
    line('%RESPONSE_CODE_DETAILS% %RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%'),
    'a_reason a reason',
  );
  for (const wrong of ['', '-1', '129', 'x'])
    assert.ok(!compileFormat(`%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(${wrong})%`).ok);
});
