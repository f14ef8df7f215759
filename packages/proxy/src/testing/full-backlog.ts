import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import process from 'node:process';
import type { Closers } from './harness.ts';

const program = `
const server = require('node:net').createServer();
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  require('node:fs').writeSync(1, String(server.address().port));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});`;

/** A port of loopback where connections are never accepted and never refused; answers with the port. */
export async function fullBacklog(test: Closers): Promise<number> {
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  test.after(() => child.kill('SIGKILL'));
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(text.toString());
  // One more than the backlog is accepted by the kernel.
  for (let i = 0; i < 2; i++) {
    const socket = connect(port, '127.0.0.1');
    test.after(() => socket.destroy());
    await once(socket, 'connect');
  }
  return port;
}
