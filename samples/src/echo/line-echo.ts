import { createServer, type Server } from 'node:net';

/** A TCP server that answers each line with the prefix and the line. */
export function lineEcho(prefix: string): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = (lines.pop() ?? '').slice(-65_536);
      for (const line of lines) socket.write(`${prefix} ${line}\n`);
    });
    socket.on('end', () => {
      if (rest !== '') socket.write(`${prefix} ${rest}`);
      socket.end();
    });
    socket.on('error', () => socket.destroy());
  });
}
