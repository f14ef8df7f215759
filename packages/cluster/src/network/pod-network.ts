import { createHash } from 'node:crypto';
import type { spawn } from 'node:child_process';
import { runCommand } from '../linux/command.ts';
import { closePodNamespaces, type NamespaceSwitch, type PodNamespaces } from '../linux/namespaces.ts';
import { bridgeName } from './node-network.ts';
import { setKernelParameters } from './sysctl.ts';

/** The namespaces of a pod and its cable to the bridge. */
export interface PodNetwork {
  readonly namespaces: PodNamespaces;
  readonly address: string;
  /** Takes the cable away and lets go of the namespaces. */
  close(): Promise<void>;
}

export interface PodNetworkOptions {
  readonly switch: NamespaceSwitch;
  readonly podUid: string;
  readonly hostname: string;
  readonly address: string;
  /** The bridge's address. */
  readonly gateway: string;
}

/**
 * A pod may listen on any port whatever its user is, answers no redirects, and sends everything to
 * the gateway: its address is a /32, so that traffic between pods is routed, and translated, too.
 */
const podParameters = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 65535',
  'net.ipv4.conf.all.rp_filter': '0',
  'net.ipv4.conf.default.rp_filter': '0',
  'net.ipv4.conf.all.accept_redirects': '0',
  // No link-local addresses: a pod has IPv6 on its loopback only.
  'net.ipv6.conf.default.addr_gen_mode': '1',
};

/** Makes the namespaces of a pod and connects them. */
export async function createPodNetwork(options: PodNetworkOptions): Promise<PodNetwork> {
  const { address, gateway } = options;
  const cable = `veth${createHash('sha1').update(options.podUid).digest('hex').slice(0, 10)}`;
  const namespaces = options.switch.createPodNamespaces(options.hostname);
  const place = { namespaces };
  const startInside = ((file: string, args: string[], spawnOptions: object) =>
    options.switch.spawn(place, file, args, spawnOptions)) as typeof spawn;
  try {
    options.switch.within(place, () => setKernelParameters(podParameters));
    await runCommand('ip', ['-batch', '-'], {
      input: [
        `link add ${cable} type veth peer name eth0 netns /proc/${process.pid}/fd/${namespaces.net}`,
        `link set ${cable} master ${bridgeName} up`,
        '',
      ].join('\n'),
    });
    await runCommand('ip', ['-batch', '-'], {
      start: startInside,
      input: [
        'link set lo up',
        `addr add ${address}/32 dev eth0`,
        'link set eth0 up',
        `route add default via ${gateway} dev eth0 onlink`,
        '',
      ].join('\n'),
    });
  } catch (error) {
    closePodNamespaces(namespaces);
    throw error;
  }
  return {
    namespaces,
    address,
    async close() {
      closePodNamespaces(namespaces);
      await runCommand('ip', ['link', 'del', cable]).catch(() => {
        // Gone with its other end.
      });
    },
  };
}
