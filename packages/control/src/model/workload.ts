import type { Labels } from './labels.ts';

/** One running copy of something: a pod. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  /** Its addresses; empty until it has one. */
  readonly addresses: readonly string[];
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly node: string;
  /** Name of what owns it: `reviews-v1`. */
  readonly owner: string;
  /** Ports by the names that its containers give them. */
  readonly namedPorts: Readonly<Record<string, number>>;
  /** True where its proxy takes Istio's mutual TLS. */
  readonly mutualTls: boolean;
  readonly network: string;
}

/** Part of the endpoints of a service, as its platform keeps them. */
export interface EndpointSlice {
  readonly namespace: string;
  /** Name of the Kubernetes service. */
  readonly service: string;
  readonly endpoints: readonly SliceEndpoint[];
  readonly ports: readonly { readonly name: string; readonly port: number }[];
}

export interface SliceEndpoint {
  readonly address: string;
  readonly readiness: 'ready' | 'unready' | 'draining';
  /** `namespace/name` of the workload behind it, where there is one. */
  readonly workload: string | undefined;
  readonly hostname: string | undefined;
  readonly node: string | undefined;
  readonly zone: string | undefined;
}

export interface MeshNode {
  readonly name: string;
  /** `region/zone/subzone`. */
  readonly locality: string;
}

export interface MeshNamespace {
  readonly name: string;
  readonly labels: Labels;
}
