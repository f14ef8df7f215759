import { TestClock } from '@lateen/core';
import { HeadPool, ResponseHead } from '../../codec/head.ts';
import { HeaderBlock } from '../../codec/header-block.ts';
import { clientPreface, frameFlag, frameType } from '../../http2/frame.ts';
import { FrameReader } from '../../http2/frame-reader.ts';
import { HpackDecoder } from '../../http2/hpack/decoder.ts';
import { HpackEncoder } from '../../http2/hpack/encoder.ts';
import { FieldNames } from '../../http2/hpack/field-name.ts';
import { Http2Stats } from '../../telemetry/http2-stats.ts';
import { Http2ServerConnection } from '../../http2/server-connection.ts';
import { http2Options } from '../../filter/connection-manager.ts';
import { defaultHttpConnectionManager } from '../../model/index.ts';
import { frame, goodHead, headersFrame, literals, uint32 } from '../../testing/raw-http2.ts';
import { CoarseTimers } from '../../timer/coarse-timers.ts';
import { RecordedWire } from '../../wire/testing/recorded-wire.ts';
import { Turn } from '../../wire/turn.ts';
import { cutOf, must, same, type FuzzTarget } from '../target.ts';

const options = http2Options(defaultHttpConnectionManager({ kind: 'rds', name: '' }));

/** What is heard of frames that come in these pieces. */
function hearFrames(bytes: Buffer, cuts: readonly number[]): unknown {
  const clock = new TestClock();
  const turn = new Turn(clock);
  const wire = new RecordedWire();
  const heard: unknown[] = [];
  const connection = new Http2ServerConnection(
    wire,
    options,
    {
      draining: false,
      onRequest(stream, head, endStream) {
        const seen = {
          line: `${head.method} ${head.authority} ${head.path}`,
          body: '',
          end: endStream ? 'at once' : '',
        };
        heard.push(seen);
        must(/^[!-~]+$/.test(head.method), 'a method that is none');
        must(head.path === '' || /^(?:\/[^\s]*|\*)$/.test(head.path), 'a path that is none');
        head.headers.forEach((name, value) => {
          must(/^[!-~]+$/.test(name) && !name.includes(':'), 'a name that is none');
          must(!/[\0\r\n]/.test(value), 'a value of two lines');
        });
        const answer = (): void => {
          const response = new ResponseHead();
          response.status = 204;
          stream.sendHead(response, true);
        };
        if (endStream) answer();
        return {
          onRequestData: (buffer, start, end) => {
            must(seen.end === '', 'data after the end');
            seen.body += buffer.toString('latin1', start, end);
          },
          onRequestEnd() {
            must(seen.end === '', 'a second end');
            seen.end = 'end';
            answer();
          },
          onResponseDrain() {},
          onUnreadable() {},
          onDownstreamReset: (reason) => {
            seen.end = reason;
          },
        };
      },
      onRefused(stream) {
        const response = new ResponseHead();
        response.status = 431;
        stream.sendHead(response, true);
      },
      onUnread() {},
      onDrainClose() {},
      onConnectionClosed() {},
    },
    { heads: new HeadPool(), timers: new CoarseTimers(turn, clock), turn },
    new Http2Stats(),
  );
  wire.receive(
    clientPreface.toString('latin1') + bytes.toString('latin1'),
    cuts.map((cut) => cut + clientPreface.length),
  );
  void connection;
  return { heard, sent: wire.sent, ended: wire.ended };
}

const start = frame(frameType.settings, 0, 0);
const post = headersFrame(1, [[':method', 'POST'], ...goodHead.slice(1)], false);
const conversations = [
  Buffer.concat([start, headersFrame(1, goodHead), headersFrame(3, goodHead)]),
  Buffer.concat([
    start,
    post,
    frame(frameType.data, 0, 1, Buffer.from('some')),
    frame(frameType.data, frameFlag.endStream, 1),
  ]),
  Buffer.concat([
    start,
    post,
    frame(frameType.data, frameFlag.padded, 1, Buffer.from('\x02abzz')),
    headersFrame(1, [['x-sum', '1']]),
  ]),
  Buffer.concat([
    start,
    frame(frameType.headers, frameFlag.endStream, 1, literals(goodHead).subarray(0, 10)),
    frame(frameType.continuation, frameFlag.endHeaders, 1, literals(goodHead).subarray(10)),
  ]),
  Buffer.concat([
    start,
    headersFrame(1, goodHead),
    frame(frameType.rstStream, 0, 1, uint32(8)),
    frame(frameType.ping, 0, 0, Buffer.alloc(8)),
  ]),
  Buffer.concat([
    frame(frameType.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 9, 0, 1, 0, 0, 0, 0])),
    frame(frameType.windowUpdate, 0, 0, uint32(1000)),
    headersFrame(1, goodHead),
  ]),
  Buffer.concat([
    start,
    frame(frameType.goaway, 0, 0, Buffer.alloc(8)),
    frame(frameType.priority, 0, 1, Buffer.alloc(5)),
  ]),
];
const frameWords = [
  ...[0, 1, 2, 3, 4, 6, 7, 8, 9].map((type) => frame(type, 0, 1).toString('latin1')),
  '\0\0\0',
  '\xff\xff\xff\xff',
  '\x82\x86\x84\x41\x01a',
];

function decodeFields(decoder: HpackDecoder, bytes: Buffer): [string, string][] | undefined {
  const fields: [string, string][] = [];
  const whole = decoder.decode(bytes, 0, bytes.length, {
    onField: (field) => void fields.push([field.name.lower, field.text]),
    onLiteral: (name, source, from, end) =>
      void fields.push([name.lower, source.toString('latin1', from, end)]),
  });
  return whole ? fields : undefined;
}

export const http2Targets: readonly FuzzTarget[] = [
  {
    name: 'http2-connection',
    seeds: conversations.map((bytes) => Buffer.concat([Buffer.from([0x80]), bytes])),
    words: frameWords,
    run(input) {
      const { bytes, cut } = cutOf(input);
      same(hearFrames(bytes, []), hearFrames(bytes, [cut]), 'two pieces are heard differently');
    },
  },
  {
    name: 'frames',
    seeds: conversations,
    words: frameWords,
    run(input) {
      let left = input.length;
      const reader = new FrameReader({
        onDataFrame() {},
        onDataBytes: (_buffer, from, end) => void (left -= end - from),
        onDataFrameEnd() {},
        onFrame: (_type, _flags, _streamId, _buffer, from, end) => void (left -= end - from),
        onFrameFault() {},
      });
      reader.read(input, 0, input.length);
      must(left >= 0, 'more was read than there is');
    },
  },
  {
    name: 'hpack',
    seeds: [
      literals(goodHead),
      Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex'),
      Buffer.from('3fe11f4003782d6101624003782d61016282', 'hex'),
    ],
    words: [
      '\x82',
      '\x40\x03x-a\x01b',
      '\x3f\xe1\x1f',
      '\x20',
      '\x00',
      '\xff\xff\xff\x0f',
      '\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff',
    ],
    run(input) {
      const fields = decodeFields(new HpackDecoder(new FieldNames()), input);
      if (fields === undefined) return;
      // What is a list of fields can be sent on as one, twice, so that the tables are used.
      const good = fields.filter(
        ([name]) =>
          /^[a-z0-9-]+$/.test(name) &&
          ![
            'te',
            'host',
            'connection',
            'keep-alive',
            'proxy-connection',
            'transfer-encoding',
            'upgrade',
          ].includes(name),
      );
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(new FieldNames());
      for (let i = 0; i < 3; i++) {
        const block = new HeaderBlock();
        for (const [name, value] of good) block.addRaw(name, value);
        const target = Buffer.alloc(HpackEncoder.roomFor(block, 0));
        const end = encoder.putBlock(block, target, encoder.begin(target, 0));
        same(decodeFields(decoder, target.subarray(0, end)), good, 'fields change on their way');
      }
    },
  },
];
