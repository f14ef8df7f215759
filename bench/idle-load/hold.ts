// Opens connections, sends one request on each, says `ready` when all are answered, and holds them until its
// standard input ends. Run by `run.ts`: `node hold.ts PORT CONNECTIONS REQUEST`
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { AnswerReader } from '../constant-rate/answer-reader.ts';

const [port = '0', connections = '0', request = ''] = process.argv.slice(2);
const total = Number(connections);
/** Handshakes at a time, fewer than any server queues. */
const atOnce = 100;
const open = new Set<Socket>();
let started = 0;
let answered = 0;

function fail(reason: string): never {
  process.stderr.write(`${reason} after ${answered} answers\n`);
  process.exit(1);
}

function next(): void {
  if (started === total) return;
  started += 1;
  const socket = connect(Number(port), '127.0.0.1', () => socket.write(request, 'latin1'));
  open.add(socket);
  const reader = new AnswerReader();
  socket.on('data', (chunk: Buffer) => {
    const answer = reader.read(chunk);
    if (answer === undefined) return;
    if (answer.status !== 200) fail(`answered ${answer.status}`);
    answered += 1;
    if (answered === total) process.stdout.write('ready\n');
    else next();
  });
  socket.on('error', (error) => fail(error.message));
  socket.on('close', () => fail('closed by the other side'));
}

for (let i = 0; i < atOnce; i++) next();
process.stdin.resume().on('end', () => {
  for (const socket of open) socket.removeAllListeners('close').destroy();
  process.exit(0);
});
