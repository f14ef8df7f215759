import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorCode, frameFlag, frameType } from '../http2/frame.ts';
import { assertLogged, type Expected } from '../testing/fault-case.ts';
import { frame, goodHead, headersFrame, headersInFrames, RawClient, uint32 } from '../testing/raw-http2.ts';
import { left, watchedEndpoint, type Behaviour } from './testing/watched-endpoint.ts';

interface Http2Case {
  readonly what: string;
  readonly endpoint: Behaviour;
  readonly request: readonly Buffer[];
  readonly next?: readonly Buffer[] | 'destroys';
  readonly expected: Omit<Expected, 'status' | 'body'>;
}

const posted = headersFrame(1, [[':method', 'POST'], ...goodHead.slice(1)], false);
const taken: Omit<Expected, 'status' | 'body'> = {
  logged: 0,
  flags: 'DR',
  details: 'http2.remote_reset',
  counted: {
    'http.http.downstream_rq_rx_reset': 1,
    'http2.rx_reset': 1,
    'cluster.up.upstream_rq_tx_reset': 0,
    'http.http.downstream_cx_protocol_error': 0,
  },
};
const cancelled = [frame(frameType.rstStream, 0, 1, uint32(errorCode.cancel))];

/** 70 kB in one block, each frame below the largest size. */
const largeHead = headersInFrames(1, [
  ...goodHead,
  ...Array.from({ length: 70 }, (_, i): [string, string] => [`x-${i}`, 'y'.repeat(1_000)]),
]);

const http2Cases: readonly Http2Case[] = [
  {
    what: 'takes its request back',
    endpoint: 'waits',
    request: [headersFrame(1, goodHead)],
    next: cancelled,
    expected: taken,
  },
  {
    what: 'takes its request back in the body',
    endpoint: 'waits',
    request: [posted, frame(frameType.data, 0, 1, Buffer.from('some'))],
    next: cancelled,
    expected: taken,
  },
  {
    what: 'does not want the rest of its answer',
    endpoint: 'begins to answer',
    request: [headersFrame(1, goodHead)],
    next: cancelled,
    expected: { ...taken, logged: 200 },
  },
  {
    what: 'vanishes while it waits',
    endpoint: 'waits',
    request: [headersFrame(1, goodHead)],
    next: 'destroys',
    expected: { ...left, counted: { ...left.counted, 'cluster.up.upstream_rq_tx_reset': 0 } },
  },
  {
    what: 'sends a malformed head',
    endpoint: 'answers',
    request: [headersFrame(1, [...goodHead, ['X', 'y']])],
    expected: {
      logged: 0,
      flags: 'DPE',
      details: 'http2.violation.of.messaging.rule',
      counted: {
        'http2.rx_messaging_error': 1,
        'http.http.downstream_rq_total': 1,
        'cluster.up.upstream_rq_total': 0,
      },
    },
  },
  {
    what: 'sends too many headers',
    endpoint: 'answers',
    request: [
      headersFrame(1, [...goodHead, ...Array.from({ length: 150 }, (_, i) => [`x-${i}`, 'y'] as const)]),
    ],
    expected: {
      logged: 431,
      flags: 'DPE',
      details: 'http2.too_many_headers',
      counted: { 'http.http.downstream_rq_4xx': 1 },
    },
  },
  {
    what: 'sends headers too large together',
    endpoint: 'answers',
    request: largeHead,
    expected: {
      logged: 431,
      flags: 'DPE',
      details: 'http2.header_list_size_too_large',
      counted: { 'http2.header_list_size_too_large': 1, 'http2.header_overflow': 0 },
    },
  },
  {
    what: 'sends more than its length',
    endpoint: 'waits',
    request: [headersFrame(1, [[':method', 'POST'], ...goodHead.slice(1), ['content-length', '3']], false)],
    next: [frame(frameType.data, frameFlag.endStream, 1, Buffer.from('hello'))],
    expected: {
      ...taken,
      flags: 'DPE',
      details: 'http2.violation.of.messaging.rule',
      counted: { 'http2.rx_messaging_error': 1, 'cluster.up.upstream_rq_tx_reset': 0 },
    },
  },
  {
    what: 'breaks its connection',
    endpoint: 'waits',
    request: [headersFrame(1, goodHead)],
    next: [frame(frameType.continuation, 4, 1)],
    expected: {
      ...taken,
      flags: 'DPE',
      details: 'http2.violation.of.messaging.rule',
      counted: {
        'http.http.downstream_cx_protocol_error': 1,
        'http.http.downstream_cx_destroy_local_active_rq': 1,
        'cluster.up.upstream_rq_tx_reset': 0,
      },
    },
  },
];

for (const { what, endpoint, request, next, expected } of http2Cases) {
  test(`an HTTP/2 client that ${what}`, async (t) => {
    const proxy = await watchedEndpoint(t, endpoint);
    const client = await RawClient.connect(t, proxy.port);
    client.send(...request);
    if (next !== undefined) {
      await proxy.asked;
      if (endpoint === 'begins to answer') await client.expect((f) => f.type === frameType.data);
      if (next === 'destroys') client.destroy();
      else client.send(...next);
    }
    assertLogged(await proxy.log.next(), { status: 0, ...expected });
    client.destroy();
    await proxy.settle();
    proxy.counted(expected.counted ?? {});
    assert.equal(proxy.log.left, 0);
  });
}
