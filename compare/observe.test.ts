import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, frameFlag, frameType, headersFrame } from '@lateen/proxy/raw-http2';
import { differences } from './differences.ts';
import {
  normaliser,
  observeHttp1,
  observeHttp2,
  observeStats,
  readStats,
  type Observation,
} from './observe.ts';

const normalise = normaliser({ main: 4001, up: 4002 });

function seenOf(text: string): Observation {
  const seen: Observation = new Map();
  observeHttp1(seen, 'client1', Buffer.from(text, 'latin1'), normalise);
  return seen;
}

test('answers that differ in date, ids, ports and cuts of chunks are the same', () => {
  const head = (date: string): string => `HTTP/1.1 200 OK\r\ndate: ${date}\r\ntransfer-encoding: chunked\r\n`;
  const a = `${head('Mon')}location: http://127.0.0.1:4001/\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
  const b = `${head('Tue')}location: http://127.0.0.1:4001/\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`;
  assert.deepEqual(differences(seenOf(a), seenOf(b), 'a case', []), []);
  assert.equal(seenOf(a).get('client1.1.header.location'), 'http://127.0.0.1:<main>/');
});

test('names that are not all small are told as they are spelt', () => {
  const seen = seenOf('HTTP/1.1 200 OK\r\nContent-length: 0\r\nX-a: b\r\nx-A: c\r\n\r\n');
  assert.equal(seen.get('client1.1.header.content-length'), 'Content-length: 0');
  assert.equal(seen.get('client1.1.header.x-a'), 'X-a: b | x-A: c');
});

test('what differs is named, with the reason where there is one', () => {
  const a = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi';
  const b = 'HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nhiHTTP/1.1';
  const reasons = [
    { cases: /another/, why: 'of another case' },
    { of: /^client1\.1/, when: () => false, why: 'of other values' },
    { cases: /bad/, of: /^client1\.1/, why: 'stricter' },
  ];
  assert.deepEqual(differences(seenOf(a), seenOf(b), 'a bad request', reasons), [
    {
      name: 'client1.1.line',
      envoy: 'HTTP/1.1 200 OK',
      lateen: 'HTTP/1.1 400 Bad Request',
      reason: 'stricter',
    },
    { name: 'client1.2.line', envoy: undefined, lateen: 'HTTP/1.1' },
    { name: 'client1.2.body', envoy: undefined, lateen: 'none ' },
    { name: 'client1.2.whole', envoy: undefined, lateen: 'no' },
  ]);
});

test('a body that breaks off is not whole', () => {
  assert.equal(seenOf('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi').get('client1.1.whole'), 'no');
  assert.equal(
    seenOf('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n').get('client1.1.whole'),
    'no',
  );
});

test('frames are told by streams, and data however it is cut', () => {
  const seen: Observation = new Map();
  const bytes = Buffer.concat([
    frame(frameType.settings, 0, 0),
    headersFrame(1, [[':status', '200']], false),
    frame(frameType.data, 0, 1, Buffer.from('he')),
    headersFrame(3, [[':status', '204']]),
    frame(frameType.data, frameFlag.endStream, 1, Buffer.from('llo')),
  ]);
  observeHttp2(seen, 'client1', bytes, normalise);
  assert.deepEqual(Object.fromEntries(seen), {
    'client1.stream.1': 'HEADERS / DATA hello END',
    'client1.stream.1.header.:status': '200',
    'client1.stream.3': 'HEADERS END',
    'client1.stream.3.header.:status': '204',
  });
});

test('statistics are told by how they changed', () => {
  const seen: Observation = new Map();
  const before = readStats('cluster.up.a: 1\ncluster.up.b: 2\nserver.uptime: 1\n');
  const after = readStats(
    'cluster.up.a: 3\ncluster.up.b: 2\ncluster.up.c: 0\nlistener.127.0.0.1_4001.d: 1\nserver.uptime: 2\nhttp.main.downstream_rq_time: P0(1,1)\n',
  );
  observeStats(seen, before, after, normalise);
  assert.deepEqual(Object.fromEntries(seen), {
    'stat.cluster.up.a': '+2',
    'stat.listener.127.0.0.1_<main>.d': '+1',
  });
});
