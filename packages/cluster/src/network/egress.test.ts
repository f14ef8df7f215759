import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { LateenError, silentLogger } from '@lateen/core';
import { runCommand } from '../linux/command.ts';
import { NamespaceSwitch } from '../linux/namespaces.ts';
import { testsInNamespaces } from '../linux/testing/in-namespaces.ts';
import { startEgress, type Egress } from './egress.ts';
import { createNodeNetwork } from './node-network.ts';
import { createPodNetwork, type PodNetwork } from './pod-network.ts';

const layout = { nodeAddress: '10.244.0.1', podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16' };

testsInNamespaces(import.meta.url, () => {
  const namespaces = new NamespaceSwitch();
  const asked: string[] = [];
  // Stands for the host's network: one place answers, every other refuses.
  const place = createServer((socket) => socket.end('welcome\n'));
  let egress: Egress;
  let pod: PodNetwork;

  const fromPod = (script: string): Promise<string> =>
    runCommand('bash', ['-c', script], {
      start: ((file: string, args: string[], options: object) =>
        namespaces.spawn({ namespaces: pod.namespaces }, file, args, options)) as never,
    });

  before(async () => {
    createNodeNetwork(layout);
    await new Promise<void>((listening) => place.listen(0, '127.0.0.1', listening));
    const { port } = place.address() as AddressInfo;
    egress = await startEgress({
      ...layout,
      logger: silentLogger,
      outside: {
        resolve: () => Promise.reject(new LateenError('test', 'not asked here')),
        async connect(address, wantedPort): Promise<Socket> {
          asked.push(`${address}:${wantedPort}`);
          if (address !== '203.0.113.9') throw new LateenError('ECONNREFUSED', 'refused');
          const socket = connect({ port, host: '127.0.0.1' });
          socket.pause();
          return socket;
        },
      },
    });
    pod = createPodNetwork({
      switch: namespaces,
      podUid: 'p',
      hostname: 'p',
      address: '10.244.0.7',
      gateway: layout.nodeAddress,
    });
  });
  after(() => {
    egress.close();
    place.close();
    pod.close();
    namespaces.close();
  });

  test('a pod has its own name, address and a low port for everybody', async () => {
    assert.equal(await fromPod('hostname; cat /proc/sys/net/ipv4/ip_unprivileged_port_start'), 'p\n0\n');
    assert.match(await fromPod('ip -br addr show eth0'), /10\.244\.0\.7\/32/);
  });

  test('what a pod sends beyond the cluster arrives at the place it was sent to', async () => {
    assert.equal(await fromPod('exec 3<>/dev/tcp/203.0.113.9/4711; cat <&3'), 'welcome\n');
    assert.deepEqual(asked, ['203.0.113.9:4711']);
  });

  test('a place that refuses breaks the connection, and cluster addresses are not sent out', async () => {
    await assert.rejects(fromPod('exec 3<>/dev/tcp/203.0.113.1/80 && read -r line <&3'));
    asked.length = 0;
    await assert.rejects(fromPod('exec 3<>/dev/tcp/10.244.0.1/81'));
    assert.deepEqual(asked, []);
  });
});
