// An upstream for benchmarks where nginx is not installed: answers each HTTP/1.1 request without a body with the
// same bytes. `node bench/fixed-answer-server.ts PORT BYTES`
import { createServer } from 'node:net';
import process from 'node:process';

const [port = '0', bytes = '1024'] = process.argv.slice(2);
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${bytes}\r\n\r\n${'x'.repeat(Number(bytes))}`,
  'latin1',
);

createServer((socket) => {
  socket.setNoDelay(true);
  let tail = '';
  socket.on('data', (chunk) => {
    const text = tail + chunk.toString('latin1');
    let end = 0;
    for (let at = text.indexOf('\r\n\r\n'); at !== -1; at = text.indexOf('\r\n\r\n', end)) {
      end = at + 4;
      socket.write(answer);
    }
    tail = text.slice(end);
  });
  socket.on('error', () => socket.destroy());
}).listen(Number(port), '127.0.0.1');
