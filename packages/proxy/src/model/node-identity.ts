import type { Locality } from './endpoint.ts';

/** Who this proxy is, for telemetry and for `node` in formats. */
export interface NodeIdentity {
  readonly id: string;
  readonly cluster: string;
  readonly locality?: Locality;
  /** Istio's node metadata: `NAMESPACE`, `LABELS`, `WORKLOAD_NAME`, `OWNER`, `CLUSTER_ID`, `SERVICE_ACCOUNT`… */
  readonly metadata: Readonly<Record<string, unknown>>;
}
