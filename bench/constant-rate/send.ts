// Sends HTTP/1.1 requests at a constant rate, whatever the answers do: run by `run.ts`, with its options as JSON.
//
// A request is due when its time has come and not when a connection is free: one that waits for a connection
// because an earlier answer is late is as late as its user would find it.
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { AnswerReader } from './answer-reader.ts';
import type { SendOptions, Sent } from './run.ts';

if (isMainThread) send(JSON.parse(process.argv[2] ?? '') as SendOptions);
else pace(workerData as SendOptions);

/** Tells the other thread when each request is due: a futex waits more exactly than a timer of the event loop. */
function pace({ ratePerSecond, seconds }: SendOptions): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  const startMs = performance.now() + 50;
  const total = Math.round(ratePerSecond * seconds);
  for (let i = 0; i < total; i++) {
    const waitMs = startMs + (i * 1000) / ratePerSecond - performance.now();
    if (waitMs > 0) Atomics.wait(never, 0, 0, waitMs);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
    parentPort?.postMessage(i);
  }
}

function send(options: SendOptions): void {
  const request = Buffer.from(options.request, 'latin1');
  const total = Math.round(options.ratePerSecond * options.seconds);
  const sent: Sent[] = [];
  /** When the requests that wait for a connection were due. */
  const waiting: number[] = [];
  const free: Connection[] = [];

  function done(): void {
    if (sent.length < total) return;
    process.stdout.write(JSON.stringify(sent), () => process.exit(0));
  }

  function begin(connection: Connection, dueMs: number): void {
    connection.dueMs = dueMs;
    connection.socket.write(request);
  }

  function open(): void {
    const socket = connect(options.port, '127.0.0.1');
    socket.setNoDelay(true);
    const reader = new AnswerReader();
    const connection: Connection = { socket, dueMs: undefined };
    const offer = (): void => {
      const dueMs = waiting.shift();
      if (dueMs === undefined) free.push(connection);
      else begin(connection, dueMs);
    };
    const record = (status: number, mark: string): void => {
      const { dueMs } = connection;
      if (dueMs === undefined) return;
      connection.dueMs = undefined;
      const latencyMs = performance.now() - dueMs;
      sent.push([performance.timeOrigin + dueMs, latencyMs, status, mark]);
      done();
    };
    socket.on('connect', offer);
    socket.on('data', (chunk: Buffer) => {
      const answer = reader.read(chunk);
      if (answer === undefined) return;
      record(answer.status, options.markHeader === undefined ? '' : answer.header(options.markHeader));
      offer();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      record(0, '');
      const at = free.indexOf(connection);
      if (at >= 0) free.splice(at, 1);
      if (sent.length < total) open();
    });
  }

  for (let i = 0; i < options.connections; i++) open();
  const pacer = new Worker(new URL(import.meta.url), { workerData: options });
  pacer.on('message', () => {
    const dueMs = performance.now();
    const connection = free.shift();
    if (connection === undefined) waiting.push(dueMs);
    else begin(connection, dueMs);
  });
}

interface Connection {
  readonly socket: Socket;
  /** When the request that it carries was due; undefined where it carries none. */
  dueMs: number | undefined;
}
