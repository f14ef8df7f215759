import {
  isPodFinished,
  isPodReady,
  type ObjectReference,
  type Pod,
  type Protocol,
  type Service,
  type ServicePort,
} from '@lateen/kube';

/** A port of a service as one pod offers it. */
export interface ResolvedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly appProtocol: string | undefined;
}

/** What a pod is to a service that selects it. */
export interface PodEndpoint {
  readonly ip: string;
  readonly ports: readonly ResolvedPort[];
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly hostname: string | undefined;
  readonly nodeName: string | undefined;
  readonly targetRef: ObjectReference;
}

/** What a pod is to a service that selects it; undefined where it has no address or has finished. */
export function podEndpoint(service: Service, pod: Pod): PodEndpoint | undefined {
  const ip = pod.status?.podIP;
  if (ip === undefined || ip === '' || isPodFinished(pod)) return undefined;
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const serving = isPodReady(pod);
  const { namespace, name, uid } = pod.metadata;
  const inServiceDomain = pod.spec.hostname !== undefined && pod.spec.subdomain === service.metadata.name;
  return {
    ip,
    ports: resolvePorts(service, pod),
    ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
    serving,
    terminating,
    hostname: inServiceDomain ? pod.spec.hostname : undefined,
    nodeName: pod.spec.nodeName,
    targetRef: {
      kind: 'Pod',
      ...(namespace === undefined ? {} : { namespace }),
      name,
      ...(uid === undefined ? {} : { uid }),
    },
  };
}

/** The service's ports with the numbers that this pod has for them; those that it does not name are left out. */
function resolvePorts(service: Service, pod: Pod): ResolvedPort[] {
  const resolved: ResolvedPort[] = [];
  for (const servicePort of service.spec.ports ?? []) {
    const port = targetPortOf(servicePort, pod);
    if (port === undefined) continue;
    resolved.push({
      name: servicePort.name ?? '',
      port,
      protocol: servicePort.protocol ?? 'TCP',
      appProtocol: servicePort.appProtocol,
    });
  }
  return resolved;
}

function targetPortOf(servicePort: ServicePort, pod: Pod): number | undefined {
  const target = servicePort.targetPort ?? servicePort.port;
  if (typeof target === 'number') return target === 0 ? servicePort.port : target;
  const sidecars = (pod.spec.initContainers ?? []).filter(
    (container) => container.restartPolicy === 'Always',
  );
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const port of container.ports ?? []) {
      if (port.name === target && (port.protocol ?? 'TCP') === (servicePort.protocol ?? 'TCP')) {
        return port.containerPort;
      }
    }
  }
  return undefined;
}
