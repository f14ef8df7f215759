import { connect, type Socket } from 'node:net';
import process from 'node:process';

/** A program: makes as many connections to a port of loopback as it is told, has each answered once, and holds them. */
const [, , port, count] = process.argv.map(Number);
if (port === undefined || count === undefined) throw new Error('how many connections, and where?');

/** A connection that has been answered. */
function answered(to: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(to, '127.0.0.1');
    socket.on('error', reject);
    socket.once('data', () => resolve(socket));
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  });
}

let held = 0;
while (held < count) {
  const some = Math.min(250, count - held);
  await Promise.all(Array.from({ length: some }, () => answered(port)));
  held += some;
}
process.stdout.write('held\n');
// Until somebody ends it.
setInterval(() => {}, 60_000);
