// Run by redirect.test.ts inside a network namespace of its own, with the address 10.99.0.2 and a default
// route: listens where the proxy and the application would, connects as the user that is named, and prints
// which of them each connection reached.
import { connect, createServer } from 'node:net';
import process from 'node:process';

const [uid = '0', ...targets] = process.argv.slice(2);
const listening = { outbound: 15_001, inbound: 15_006, application: 8080 };

for (const [name, port] of Object.entries(listening)) {
  await new Promise<void>((resolve) => {
    createServer((socket) => socket.end(name))
      .listen(port, '0.0.0.0', resolve)
      .unref();
  });
}
process.setgid?.(Number(uid));
process.setuid?.(Number(uid));

async function reached(target: string): Promise<string> {
  const [host = '', port = '0', from] = target.split(':');
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({
      host,
      port: Number(port),
      ...(from === undefined ? {} : { localAddress: from }),
    });
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.on('error', (error) => resolve(error.message.split(' ').at(1) ?? 'error'));
    socket.on('close', () => resolve(text));
  });
}

const answers: Record<string, string> = {};
for (const target of targets) answers[target] = await reached(target);
process.stdout.write(JSON.stringify(answers));
