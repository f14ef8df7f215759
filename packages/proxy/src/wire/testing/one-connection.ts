// Connects to the port that is given, waits for bytes, closes, and has nothing left to do.
import process from 'node:process';
import { PlainWire } from '../plain-wire.ts';
import { createTcpSocket, openSocketPoll } from '../sockets.ts';
import { Turn } from '../turn.ts';

await openSocketPoll();
const handle = createTcpSocket();
handle.connect({ address: '127.0.0.1', port: Number(process.argv[2]) }, () => {
  const wire = new PlainWire(new Turn(), handle, Buffer.alloc(4096));
  wire.handler = {
    onBytes(buffer, start, end) {
      process.stdout.write(`read ${buffer.toString('latin1', start, end)}\n`);
      wire.destroy();
    },
    onEnd() {},
    onDrain() {},
    onClose() {},
  };
  wire.resume();
});
