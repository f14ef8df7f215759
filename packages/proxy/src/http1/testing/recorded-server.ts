import { TestClock } from '@lateen/core';
import { HeadPool, ResponseHead, type RequestHead } from '../../codec/head.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import { headerName } from '../../codec/header-name.ts';
import type { ServerStream, ServerStreamHandler } from '../../codec/stream.ts';
import { CoarseTimers } from '../../timer/coarse-timers.ts';
import { RecordedWire } from '../../wire/testing/recorded-wire.ts';
import { Turn } from '../../wire/turn.ts';
import { faultStatus, type CodecFault, type RefusedFault } from '../codec-fault.ts';
import { Http1ServerConnection } from '../server-connection.ts';
import type { ServerConnectionOwner } from '../server-connection-owner.ts';
import type { Http1ServerOptions } from '../server-options.ts';

const defaults: Http1ServerOptions = {
  maxHeadBytes: 8_192,
  maxHeaders: 100,
  acceptHttp10: false,
  defaultHostForHttp10: '',
  preserveHeaderCase: false,
  enableTrailers: true,
  allowAbsoluteUrl: true,
  allowChunkedLength: false,
  allowCustomMethods: false,
  idleTimeoutMs: 60_000,
  requestHeadersTimeoutMs: 10_000,
  maxRequests: 0,
  answerContinue: true,
  delayedCloseTimeoutMs: 1_000,
};

export interface SeenRequest {
  readonly line: string;
  readonly headers: string[];
  body: string;
  ended: boolean;
  trailers: string[];
}

function linesOf(block: HeaderBlock | undefined): string[] {
  const lines: string[] = [];
  block?.forEach((name, value) => lines.push(`${name}=${value}`));
  return lines;
}

/** Keeps what requests it hears; answers each with its path when it is complete, unless told not to. */
export class Recorder implements ServerConnectionOwner {
  readonly requests: SeenRequest[] = [];
  readonly streams: ServerStream[] = [];
  readonly faults: CodecFault[] = [];
  readonly refused: string[] = [];
  readonly resets: string[] = [];
  draining = false;
  closed = false;
  answers = true;

  onRequest(stream: ServerStream, head: RequestHead, endStream: boolean): ServerStreamHandler {
    const seen: SeenRequest = {
      line: `${head.method} ${head.authority} ${head.path} ${head.version}`,
      headers: linesOf(head.headers),
      body: '',
      ended: endStream,
      trailers: [],
    };
    this.requests.push(seen);
    this.streams.push(stream);
    if (endStream && this.answers) this.answer(stream, head.path);
    return {
      onRequestData: (buffer, start, end) => void (seen.body += buffer.toString('latin1', start, end)),
      onRequestEnd: (trailers) => {
        seen.ended = true;
        seen.trailers = linesOf(trailers);
        if (this.answers) this.answer(stream, head.path);
      },
      onResponseDrain() {},
      onUnreadable: () => {
        this.resets.push('unreadable');
        const refusal = new ResponseHead();
        refusal.status = 400;
        stream.sendHead(refusal, true);
      },
      onDownstreamReset: (reason) => void this.resets.push(reason),
    };
  }

  answer(stream: ServerStream, text: string): void {
    const head = new ResponseHead();
    head.status = 200;
    head.headers.add(headerName('content-length'), String(text.length));
    stream.sendHead(head, false);
    stream.sendData(Buffer.from(text), 0, text.length);
    stream.sendEnd(undefined);
  }

  onRefused(stream: ServerStream, head: RequestHead, fault: RefusedFault): void {
    this.faults.push(fault);
    const response = new ResponseHead();
    response.status = faultStatus[fault];
    this.refused.push(`${head.method} ${head.authority} ${head.path} ${head.version}`);
    stream.sendHead(response, true);
  }

  onUnread(fault: CodecFault): void {
    this.faults.push(fault);
  }

  onDrainClose(): void {}
  onDelayedCloseTimeout(): void {}
  onConnectionClosed(): void {
    this.closed = true;
  }
}

/** A connection of HTTP/1 whose bytes and time the test gives. */
export function connect(options: Partial<Http1ServerOptions> = {}) {
  const clock = new TestClock();
  const turn = new Turn(clock);
  const wire = new RecordedWire();
  const owner = new Recorder();
  const timers = new CoarseTimers(turn, clock);
  const connection = new Http1ServerConnection(
    wire,
    { ...defaults, ...options },
    owner,
    new HeadPool(),
    timers,
  );
  return { clock, wire, owner, connection };
}

export const host = 'Host: a\r\n';
