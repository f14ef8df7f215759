import { portProtocol } from '@lateen/config';
import type { MeshSettings } from '../../model/mesh-settings.ts';
import type { Resolution, Service, ServicePort } from '../../model/service.ts';
import { createdMsOf, type KubeService } from './core-objects.ts';

/** Who sees the service: a comma-separated list of namespaces, `.` or `*` (Istio, "networking.istio.io/exportTo"). */
const exportToAnnotation = 'networking.istio.io/exportTo';

/** A Kubernetes Service as a service of the mesh. */
export function decodeService(object: KubeService, mesh: MeshSettings): Service {
  const { metadata, spec = {} } = object;
  const namespace = metadata.namespace ?? 'default';
  const external = spec.type === 'ExternalName';
  const addresses = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => ip !== '' && ip !== 'None');
  const exported = metadata.annotations?.[exportToAnnotation];
  return {
    hostname: `${metadata.name}.${namespace}.svc.${mesh.domain}`,
    namespace,
    name: metadata.name,
    origin: 'kubernetes',
    addresses: external ? [] : addresses,
    ports: (spec.ports ?? []).map(decodePort),
    resolution: resolutionOf(external, addresses),
    meshExternal: external,
    selector: external ? undefined : spec.selector,
    labels: metadata.labels ?? {},
    exportTo:
      exported === undefined
        ? mesh.defaultServiceExportTo
        : exported.split(',').map((target) => target.trim()),
    createdMs: createdMsOf(metadata),
    subjectAltNames: [],
    inlineEndpoints: external
      ? [
          {
            address: spec.externalName ?? '',
            ports: {},
            labels: {},
            locality: '',
            weight: 1,
            serviceAccount: undefined,
          },
        ]
      : [],
  };
}

function resolutionOf(external: boolean, addresses: readonly string[]): Resolution {
  if (external) return 'dns';
  return addresses.length === 0 ? 'passthrough' : 'known';
}

function decodePort(port: NonNullable<NonNullable<KubeService['spec']>['ports']>[number]): ServicePort {
  return {
    name: port.name ?? '',
    port: port.port,
    protocol: portProtocol(port),
    targetPort: port.targetPort ?? port.port,
  };
}
