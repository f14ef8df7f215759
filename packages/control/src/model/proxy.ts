import type { GatewayTopology } from './gateway-topology.ts';
import type { Labels } from './labels.ts';

/** A proxy that is connected, as its xDS node describes it. */
export interface Proxy {
  /** `sidecar~10.244.0.7~reviews-v1-abc.default~default.svc.cluster.local`. */
  readonly id: string;
  readonly kind: 'sidecar' | 'router';
  readonly addresses: readonly string[];
  readonly namespace: string;
  /** Name of the workload: the pod's. */
  readonly name: string;
  readonly labels: Labels;
  readonly serviceAccount: string;
  /** Istio's version of it, as it says; empty where it does not. */
  readonly version: string;
  /** What its node's metadata says in words, by name. */
  readonly metadata: Readonly<Record<string, string>>;
  /** `region/zone/subzone`. */
  readonly locality: string;
  readonly network: string;
  /** Ports by the names that the containers give them. */
  readonly namedPorts: Readonly<Record<string, number>>;
  readonly interception: 'REDIRECT' | 'TPROXY' | 'NONE';
  /** What stands before it, as it says itself; of no meaning for sidecars. */
  readonly topology: GatewayTopology;
}
