import {
  addAddress,
  addBridge,
  addRoute,
  changeNetwork,
  deviceIndex,
  setUp,
} from '../linux/route-netlink.ts';
import { setKernelParameters } from './sysctl.ts';

/** The bridge that every pod's cable ends at. */
export const bridgeName = 'lateen0';

export interface NodeNetworkOptions {
  /** The bridge's own address: the node's address and the pods' gateway. */
  readonly nodeAddress: string;
  /** All pod addresses, as `10.244.0.0/16`. */
  readonly podCidr: string;
  /** All service addresses; routed, so that the node's own connections reach the translation rules. */
  readonly serviceCidr: string;
}

/**
 * Makes the network of the node in the present namespace: loopback, the bridge and forwarding.
 *
 * The bridge has a fixed hardware address: it would else take over the lowest one of its ports, and
 * pods would talk to a gateway that moved away.
 */
export function createNodeNetwork(options: NodeNetworkOptions): void {
  const { nodeAddress, serviceCidr } = options;
  const bits = Number(options.podCidr.split('/')[1] ?? '16');
  changeNetwork([setUp(deviceIndex('lo')), addBridge(bridgeName, '02:4c:61:74:65:01')]);
  const device = deviceIndex(bridgeName);
  changeNetwork([
    addAddress(device, nodeAddress, bits),
    addRoute({ destination: serviceCidr, device, preferredSource: nodeAddress }),
  ]);
  setKernelParameters({
    'net.ipv4.ip_forward': '1',
    'net.ipv4.conf.all.rp_filter': '0',
    'net.ipv4.conf.default.rp_filter': '0',
    [`net.ipv4.conf.${bridgeName}.rp_filter`]: '0',
    'net.ipv4.conf.all.send_redirects': '0',
    'net.ipv4.conf.default.send_redirects': '0',
    [`net.ipv4.conf.${bridgeName}.send_redirects`]: '0',
    // Where another program has loaded br_netfilter, translated packets would be bridged past routing, and a
    // pod could not reach itself through a service.
    'net.bridge.bridge-nf-call-iptables': '0',
  });
}
