import { createServer, type AddressInfo, type Socket } from 'node:net';
import { messageOf, type Logger } from '@lateen/core';
import type { OutsideWorld } from '../host/outside-world.ts';
import { runCommand } from '../linux/command.ts';
import { originalDestination } from '../linux/original-destination.ts';
import { bridgeName } from './node-network.ts';

export interface EgressOptions {
  readonly nodeAddress: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly outside: OutsideWorld;
  readonly logger: Logger;
}

/** Lets pods reach what is outside, over TCP. */
export interface Egress {
  close(): void;
}

const chain = 'LATEEN-EGRESS';

/** Carries bytes both ways; each side may end alone, and a break on one side is one on the other. */
function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => {});
    from.once('close', () => {
      if (!from.readableEnded) to.resetAndDestroy();
    });
    from.pipe(to);
  }
}

/**
 * Turns what pods send beyond the cluster to this process, which has the host's connection to the same
 * place. A pod that cannot be served has its connection reset.
 */
export async function startEgress(options: EgressOptions): Promise<Egress> {
  const { outside } = options;
  const logger = options.logger.scope('egress');
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (pod) => {
    open.add(pod);
    pod.once('close', () => open.delete(pod)).on('error', () => {});
    const { address, port } = originalDestination(pod);
    outside.connect(address, port).then(
      (there) => {
        there.allowHalfOpen = true;
        join(pod, there);
      },
      (error: unknown) => {
        logger.debug('refused', { address, port, reason: messageOf(error) });
        pod.resetAndDestroy();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.nodeAddress, port: 0 }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  await runCommand('iptables-restore', ['--noflush', '--wait'], {
    input: [
      '*nat',
      `:${chain} - [0:0]`,
      `-A PREROUTING -i ${bridgeName} -p tcp -j ${chain}`,
      ...[options.podCidr, options.serviceCidr, '127.0.0.0/8'].map(
        (cidr) => `-A ${chain} -d ${cidr} -j RETURN`,
      ),
      `-A ${chain} -p tcp -j REDIRECT --to-ports ${port}`,
      'COMMIT',
      '',
    ].join('\n'),
  });
  return {
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
