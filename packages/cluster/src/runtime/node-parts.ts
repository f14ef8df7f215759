import type { Clock, Logger } from '@lateen/core';
import type { EventRecorder, KubeClient } from '@lateen/kube';
import type { ImageResolver } from '../images/resolve.ts';
import type { NamespaceSwitch } from '../linux/namespaces.ts';
import type { Tools } from '../linux/tools.ts';
import type { AddressPool } from '../network/address-pool.ts';
import type { ObjectLookup } from './container/environment.ts';
import type { NodeRoot } from './container/node-root.ts';

/** What the node has one of, and its pods share. */
export interface NodeParts {
  readonly nodeName: string;
  readonly nodeAddress: string;
  /** The address of the host at which NodePorts answer. */
  readonly hostAddress: string;
  readonly clusterDomain: string;
  readonly dnsAddress: string;
  /** The host's own resolv.conf, for pods that ask for it. */
  readonly hostResolvConf: string;
  readonly capacity: { readonly cpu: number; readonly memoryBytes: number };
  /** Directory with one directory a pod. */
  readonly podsDir: string;
  readonly allowHostPath: boolean;
  readonly switch: NamespaceSwitch;
  readonly tools: Tools;
  readonly root: NodeRoot;
  readonly addresses: AddressPool;
  readonly images: ImageResolver;
  readonly lookup: ObjectLookup;
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
}
