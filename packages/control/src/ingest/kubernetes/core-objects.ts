import type { KubeObject, ObjectMeta } from '@lateen/kube';

/** The parts of built-in objects that the mesh reads; an API server has checked their form. */

export interface KubeService extends KubeObject {
  spec?: {
    clusterIP?: string;
    clusterIPs?: string[];
    type?: string;
    externalName?: string;
    selector?: Record<string, string>;
    ports?: {
      name?: string;
      port: number;
      targetPort?: number | string;
      protocol?: string;
      appProtocol?: string;
    }[];
  };
}

export interface KubeEndpointSlice extends KubeObject {
  addressType?: string;
  endpoints?: {
    addresses: string[];
    conditions?: { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null };
    hostname?: string | null;
    nodeName?: string | null;
    zone?: string | null;
    targetRef?: { kind?: string; namespace?: string; name?: string };
  }[];
  ports?: { name?: string | null; port?: number | null; protocol?: string | null }[] | null;
}

export interface KubePod extends KubeObject {
  spec?: {
    serviceAccountName?: string;
    nodeName?: string;
    hostNetwork?: boolean;
    containers?: { ports?: { name?: string; containerPort: number }[] }[];
  };
  status?: { podIP?: string; podIPs?: { ip: string }[]; phase?: string };
}

export interface KubeConfigMap extends KubeObject {
  data?: Record<string, string>;
}

/** When the object was made, in milliseconds since the epoch. */
export function createdMsOf(metadata: ObjectMeta): number {
  const ms = Date.parse(metadata.creationTimestamp ?? '');
  return Number.isNaN(ms) ? 0 : ms;
}
