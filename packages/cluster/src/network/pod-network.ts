import { createHash } from 'node:crypto';
import { closePodNamespaces, type NamespaceSwitch, type PodNamespaces } from '../linux/namespaces.ts';
import { addAddress, addCable, addRoute, changeNetwork, deviceIndex, setUp } from '../linux/route-netlink.ts';
import { bridgeName } from './node-network.ts';
import { setKernelParameters } from './sysctl.ts';

/** The namespaces of a pod and its cable to the bridge. */
export interface PodNetwork {
  readonly namespaces: PodNamespaces;
  readonly address: string;
  /** Lets go of the namespaces: with their last process the kernel takes the cable away, a little later. */
  close(): void;
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
export function createPodNetwork(options: PodNetworkOptions): PodNetwork {
  const { address, gateway } = options;
  const cable = `veth${createHash('sha1').update(options.podUid).digest('hex').slice(0, 10)}`;
  const namespaces = options.switch.createPodNamespaces(options.hostname);
  const place = { namespaces };
  try {
    options.switch.within(place, () => setKernelParameters(podParameters));
    const peer = { name: 'eth0', namespaceFd: namespaces.net };
    changeNetwork([addCable(cable, deviceIndex(bridgeName), peer)]);
    options.switch.within(place, () => {
      const device = deviceIndex('eth0');
      changeNetwork([
        setUp(deviceIndex('lo')),
        addAddress(device, address, 32),
        setUp(device),
        addRoute({ device, gateway }),
      ]);
    });
  } catch (error) {
    closePodNamespaces(namespaces);
    throw error;
  }
  return { namespaces, address, close: () => closePodNamespaces(namespaces) };
}
