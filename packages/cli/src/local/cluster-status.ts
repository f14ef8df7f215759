import { analyze, type Message } from '@lateen/config';
import {
  isPodFinished,
  isPodReady,
  resources,
  type Deployment,
  type HttpKubeClient,
  type Pod,
} from '@lateen/kube';
import { collectMesh } from '../objects/collect-mesh.ts';
import { findIngress, type IngressAddress } from './ingress.ts';

export interface DeploymentStatus {
  readonly namespace: string;
  readonly name: string;
  readonly ready: number;
  readonly wanted: number;
}

export interface PodStatus {
  readonly namespace: string;
  readonly name: string;
  /** Ready containers of all, as `1/2`. */
  readonly ready: string;
  readonly isReady: boolean;
  readonly phase: string;
  /** Why a container waits, where one does. */
  readonly message?: string;
}

/** What `lateen status -o json` prints of a cluster that runs. */
export interface ClusterStatus {
  readonly running: true;
  readonly pid: number;
  readonly dataDir: string;
  readonly apiServer: string;
  readonly kubeconfig: string;
  readonly kubernetesVersion: string;
  readonly ingress?: IngressAddress;
  readonly deployments: readonly DeploymentStatus[];
  readonly pods: readonly PodStatus[];
  /** What does not fit together in the configuration, as `analyze` finds it, without mere information. */
  readonly configuration: readonly Message[];
}

function podStatus(pod: Pod): PodStatus {
  const containers = pod.status?.containerStatuses ?? [];
  const waiting = [...(pod.status?.initContainerStatuses ?? []), ...containers].find(
    ({ state }) => state?.waiting !== undefined,
  )?.state?.waiting;
  const why = [waiting?.reason, waiting?.message].filter((part) => part !== undefined).join(': ');
  return {
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    ready: `${containers.filter(({ ready }) => ready).length}/${pod.spec.containers.length}`,
    isReady: isPodReady(pod) || isPodFinished(pod),
    phase: pod.status?.phase ?? 'Pending',
    ...(why === '' ? {} : { message: why }),
  };
}

/** Asks the API server for all that the status shows. */
export async function readStatus(
  client: HttpKubeClient,
  known: Pick<ClusterStatus, 'pid' | 'dataDir' | 'kubeconfig'>,
): Promise<ClusterStatus> {
  const [version, ingress, deployments, pods, mesh] = await Promise.all([
    client.raw('GET', '/version') as Promise<{ readonly gitVersion: string }>,
    findIngress(client),
    client.list<Deployment>(resources.deployments),
    client.list<Pod>(resources.pods),
    collectMesh(client),
  ]);
  return {
    running: true,
    ...known,
    apiServer: client.server,
    kubernetesVersion: version.gitVersion,
    ...(ingress === undefined ? {} : { ingress }),
    deployments: deployments.items.map(({ metadata, spec, status }) => ({
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      ready: status?.readyReplicas ?? 0,
      wanted: spec.replicas ?? 1,
    })),
    pods: pods.items.map(podStatus),
    configuration: analyze(mesh).filter(({ level }) => level !== 'Info'),
  };
}
