import { frame, frameFlag, frameType, headersFrame } from '@lateen/proxy/raw-http2';
import { http2Cluster } from '../../bootstrap.ts';
import type { CompareCase, Reply, Setup, Step } from '../../case.ts';
import { proxied, says, setup } from './proxied.ts';

/** What comes after the head is no message: the reply is to the connection. */
const head = (...send: readonly Step[]): Reply => ({
  on: 'connect',
  send: [{ until: '\r\n\r\n' }, ...send],
});
const refused = (status: number): Reply => head(`HTTP/1.1 ${status} No\r\ncontent-length: 2\r\n\r\nno`);
const granted = 'HTTP/1.1 200 OK\r\n\r\n';

const over = (more: object): object => ({ tunneling_config: { hostname: 'there:80', ...more } });
const post = { use_post: true, post_path: '/p' };
const headers = {
  headers_to_add: [
    { header: { key: 'x-one', value: '1' } },
    { header: { key: 'x-from', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' } },
  ],
};
const answered = (what: string, send: readonly Step[], reply: Reply): CompareCase =>
  says(what, send, { up: [reply], quietMs: 400 });

/** How tunnels end that an endpoint has granted. */
const endings = (grant: string, chunked: boolean): readonly CompareCase[] => {
  const data = (text: string): string => (chunked ? `${text.length.toString(16)}\r\n${text}\r\n` : text);
  const ask: readonly Step[] = ['a', { until: 'hello' }];
  const hello = [grant, data('hello')];
  return [
    answered('the client ends', [...ask, 'b', { end: true }], head(...hello)),
    answered(
      'the client ends, the endpoint goes on',
      [...ask, { end: true }, { waitMs: 300 }],
      head(...hello, { waitMs: 150 }, data('more'), { waitMs: 50 }, { end: true }),
    ),
    answered('the client resets', [...ask, { reset: true }], head(...hello)),
    answered('the endpoint ends', ask, head(...hello, { waitMs: 50 }, { end: true })),
    answered(
      'the endpoint ends, the client goes on',
      [...ask, { waitMs: 100 }, 'b', { end: true }],
      head(...hello, { waitMs: 50 }, { end: true }),
    ),
    answered('the endpoint resets', ask, head(...hello, { waitMs: 50 }, { reset: true })),
    answered('the client ends at once', ['a', { end: true }], head({ waitMs: 100 }, ...hello)),
    answered(
      'the client resets before the answer',
      ['a', { waitMs: 100 }, { reset: true }],
      head({ waitMs: 300 }, grant),
    ),
  ];
};

const unanswered: readonly CompareCase[] = [
  answered('refused, 403', ['a'], refused(403)),
  answered('refused, 503', ['a'], refused(503)),
  answered('sent elsewhere, 302', ['a'], refused(302)),
  answered('refused without a body', ['a'], head('HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n')),
  answered('ended before an answer', ['a'], head({ end: true })),
  answered('reset before an answer', ['a'], head({ reset: true })),
  answered('no HTTP', ['a'], head('what?\r\n\r\n')),
];

const http2Head = (status: number, end: boolean) => (id: number) =>
  headersFrame(id, [[':status', String(status)]], end);
const http2Data = (text: string, end: boolean, id: number): Buffer =>
  frame(frameType.data, end ? frameFlag.endStream : 0, id, Buffer.from(text));
const code = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const onStream = (send: (id: number) => readonly Step[]): Reply => ({ on: 'head', send });
const greeting = (id: number): Buffer[] => [http2Head(200, false)(id), http2Data('hello', false, id)];
const ask: readonly Step[] = ['a', { until: 'hello' }];

const byHttp2: readonly CompareCase[] = [
  answered(
    'refused, 403',
    ['a'],
    onStream((id) => [http2Head(403, true)(id)]),
  ),
  answered(
    'refused, 403 with a body',
    ['a'],
    onStream((id) => [http2Head(403, false)(id), http2Data('no', true, id)]),
  ),
  answered(
    'refused, 503',
    ['a'],
    onStream((id) => [http2Head(503, true)(id)]),
  ),
  answered(
    'granted with its end',
    ['a'],
    onStream((id) => [http2Head(200, true)(id)]),
  ),
  answered(
    'reset before an answer',
    ['a'],
    onStream((id) => [frame(frameType.rstStream, 0, id, code(7))]),
  ),
  answered(
    'reset',
    ask,
    onStream((id) => [...greeting(id), { waitMs: 50 }, frame(frameType.rstStream, 0, id, code(8))]),
  ),
  answered(
    'the client ends',
    [...ask, 'b', { end: true }],
    onStream((id) => [...greeting(id), { waitMs: 200 }, http2Data('', true, id)]),
  ),
  answered('the client resets', [...ask, { reset: true }], onStream(greeting)),
  answered(
    'the endpoint ends',
    ask,
    onStream((id) => [...greeting(id), http2Data('', true, id)]),
  ),
  answered(
    'the connection ends',
    ask,
    onStream((id) => [...greeting(id), { waitMs: 50 }, { end: true }]),
  ),
  answered(
    'the connection is reset',
    ask,
    onStream((id) => [...greeting(id), { waitMs: 50 }, { reset: true }]),
  ),
  answered(
    'the client ends, then the endpoint',
    [...ask, { end: true }, { waitMs: 300 }],
    onStream((id) => [...greeting(id), { waitMs: 100 }, http2Data('more', true, id)]),
  ),
];

/** TCP in requests of HTTP. */
export const tunnels: readonly Setup[] = [
  setup(
    'tunnel',
    proxied(over({ ...headers, propagate_response_headers: true })),
    ...unanswered,
    ...endings(granted, false),
  ),
  setup(
    'tunnel, nobody listens',
    proxied({ ...over({}), cluster: 'closed' }),
    says('nobody listens', ['a'], {}),
  ),
  setup('tunnel, no endpoint', proxied({ ...over({}), cluster: 'empty' }), says('no endpoint', [])),
  setup(
    'tunnel, tries',
    proxied({ ...over({}), max_connect_attempts: 2 }),
    answered('refused twice', ['a'], refused(503)),
    says('refused once', [...ask, { end: true }], {
      up: [refused(503), head(granted, 'hello', { waitMs: 100 }, { end: true })],
    }),
  ),
  setup(
    'tunnel by POST',
    proxied(over(post)),
    ...unanswered,
    ...endings('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', true),
  ),
  setup('tunnel by HTTP/2', proxied(over({}), [], http2Cluster), ...byHttp2),
  setup('tunnel by POST by HTTP/2', proxied(over(post), [], http2Cluster), ...byHttp2),
];
