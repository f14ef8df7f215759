import { arch, release } from 'node:os';
import { messageOf, type Timer } from '@lateen/core';
import { isStatus, resources, type Lease, type Node } from '@lateen/kube';
import { kubernetesVersion } from '@lateen/config';
import { apiTime } from './container/container-stage.ts';
import type { NodeParts } from './node-parts.ts';

const leaseNamespace = 'kube-node-lease';
const leaseSeconds = 40;
const renewMs = 10_000;

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Registers the node and says from time to time that it is alive. */
export class NodeHeartbeat {
  readonly #node: NodeParts;
  #timer: Timer | undefined;

  constructor(node: NodeParts) {
    this.#node = node;
  }

  async start(): Promise<void> {
    await this.#register();
    void this.#renew();
    this.#timer = this.#node.clock.every(renewMs, () => void this.#renew());
  }

  close(): void {
    this.#timer?.cancel();
  }

  async #register(): Promise<void> {
    const { client, nodeName } = this.#node;
    const wanted = this.#object();
    try {
      await client.create<Node>(resources.nodes, wanted);
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
    }
    const { status } = wanted;
    await client.patch<Node>(
      resources.nodes,
      undefined,
      nodeName,
      'merge',
      { status },
      { subresource: 'status' },
    );
  }

  #object(): Node {
    const { nodeName, nodeAddress, hostAddress, capacity, clock } = this.#node;
    const now = apiTime(clock.now());
    const platform = architectures[arch()] ?? arch();
    const resourcesOfNode = {
      cpu: String(capacity.cpu),
      memory: `${Math.floor(capacity.memoryBytes / 1024)}Ki`,
      pods: '110',
      'ephemeral-storage': '10Gi',
    };
    const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => ({
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    });
    return {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: nodeName,
        labels: {
          'kubernetes.io/hostname': nodeName,
          'kubernetes.io/os': 'linux',
          'kubernetes.io/arch': platform,
          'node-role.kubernetes.io/control-plane': '',
        },
      },
      spec: { podCIDR: '10.244.0.0/16' },
      status: {
        addresses: [
          { type: 'InternalIP', address: nodeAddress },
          { type: 'ExternalIP', address: hostAddress },
          { type: 'Hostname', address: nodeName },
        ],
        capacity: resourcesOfNode,
        allocatable: resourcesOfNode,
        conditions: [
          condition(
            'MemoryPressure',
            'False',
            'KubeletHasSufficientMemory',
            'kubelet has sufficient memory available',
          ),
          condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
          condition(
            'PIDPressure',
            'False',
            'KubeletHasSufficientPID',
            'kubelet has sufficient PID available',
          ),
          condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
        ],
        nodeInfo: {
          architecture: platform,
          operatingSystem: 'linux',
          osImage: 'Lateen local cluster',
          kernelVersion: release(),
          kubeletVersion: kubernetesVersion.gitVersion,
          kubeProxyVersion: kubernetesVersion.gitVersion,
          containerRuntimeVersion: 'lateen://0.1.0',
          machineID: nodeName,
          systemUUID: nodeName,
          bootID: String(clock.now()),
        },
      },
    };
  }

  async #renew(): Promise<void> {
    const { client, nodeName, clock, logger } = this.#node;
    const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z');
    const spec = { holderIdentity: nodeName, leaseDurationSeconds: leaseSeconds, renewTime };
    try {
      try {
        await client.patch(resources.leases, leaseNamespace, nodeName, 'merge', { spec });
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error;
        await client.create<Lease>(resources.leases, {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { name: nodeName, namespace: leaseNamespace },
          spec,
        });
      }
    } catch (error) {
      logger.debug('the node lease was not renewed', { error: messageOf(error) });
    }
  }
}
