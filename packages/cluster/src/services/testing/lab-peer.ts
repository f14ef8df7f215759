import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import process from 'node:process';

/**
 * One end of a connection in the service laboratory.
 *
 * `serve ADDRESS` answers TCP on 8080 and UDP on 5353 with its address and who asks.
 * `ask` reads lines `PROTOCOL HOST PORT COUNT` and answers each with a line of JSON: how often it got what.
 * All UDP questions to one place come from the same socket.
 */
const [mode, address = ''] = process.argv.slice(2);

async function serve(): Promise<void> {
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(`${address} ${socket.remoteAddress}`);
  });
  tcp.listen(8080, address);
  await once(tcp, 'listening');
  const udp = createSocket('udp4');
  udp.on('message', (_, sender) => udp.send(`${address} ${sender.address}`, sender.port, sender.address));
  udp.bind(5353, address);
  await once(udp, 'listening');
  process.stdout.write('ready\n');
}

function askTcp(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let answer = '';
    socket.setTimeout(2000, () => socket.destroy(new Error('TIMEOUT')));
    socket.on('data', (bytes) => (answer += bytes.toString()));
    socket.on('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    socket.on('close', () => resolve(answer));
  });
}

const sockets = new Map<string, UdpSocket>();

async function socketTo(host: string, port: number): Promise<UdpSocket> {
  const known = sockets.get(`${host}:${port}`);
  if (known !== undefined) return known;
  const socket = createSocket('udp4');
  sockets.set(`${host}:${port}`, socket);
  socket.connect(port, host);
  await once(socket, 'connect');
  return socket;
}

async function askUdp(host: string, port: number, count: number): Promise<string[]> {
  const socket = await socketTo(host, port);
  const answers: string[] = [];
  for (let i = 0; i < count; i++) {
    const answer = new Promise<string>((resolve) => {
      const timer = setTimeout(() => resolve('TIMEOUT'), 300);
      const settle = (text: string): void => {
        clearTimeout(timer);
        socket.removeAllListeners();
        resolve(text);
      };
      socket.once('message', (bytes) => settle(bytes.toString()));
      socket.once('error', (error) => settle('code' in error ? String(error.code) : error.message));
    });
    socket.send('who');
    answers.push(await answer);
  }
  return answers;
}

async function answerLine(line: string): Promise<void> {
  const [protocol, host = '', port, count] = line.split(' ');
  const answers: string[] = [];
  if (protocol === 'udp') answers.push(...(await askUdp(host, Number(port), Number(count))));
  else for (let i = 0; i < Number(count); i++) answers.push(await askTcp(host, Number(port)));
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
  process.stdout.write(`${JSON.stringify(counts)}\n`);
}

if (mode === 'serve') await serve();
else {
  process.stdout.write('ready\n');
  let pending = '';
  let last: Promise<void> = Promise.resolve();
  process.stdin.setEncoding('utf8').on('data', (text: string) => {
    const lines = (pending + text).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) last = last.then(() => answerLine(line));
  });
}
