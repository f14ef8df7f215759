// A cluster process that only says what it sees, for tests of the launcher.
import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import process from 'node:process';
import { channelHostPorts } from '../host-ports.ts';
import { hostLink } from '../host-link.ts';
import type { ClusterOptions } from '../messages.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as ClusterOptions;
const link = hostLink(process);
link.onLost(() => process.exit(0));
link.onShutdown(() => process.exit(0));

if (options.logLevel === 'error') {
  await link.failed({ code: 'test.refused', message: 'it does not want to', hint: 'ask again' });
  process.exit(1);
}

const ports = channelHostPorts(link, options.addressPrefix);
const { nodeAddress, cidr } = ports.addressBlock;
const listened = await ports.listen(nodeAddress, 0);
const again = await ports.listen(nodeAddress, listened.ok ? listened.port : 0);
if (listened.ok) {
  listened.server.on('connection', (socket) => {
    socket.on('error', () => {});
    const sight = {
      uid: process.getuid?.(),
      pid: process.pid,
      hostname: hostname(),
      interfaces: Object.keys(networkInterfaces()),
      uidMap: readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).map(Number),
      secondListen: again.ok ? 'ok' : again.reason,
    };
    // Left open: that it closes tells when this process is gone.
    socket.write(`${JSON.stringify(sight)}\n`);
  });
  link.ready({
    apiServerUrl: `tcp://${nodeAddress}:${listened.port}`,
    kubeconfig: '',
    addressBlock: cidr,
  });
}
