import type { KubeObject } from '@lateen/kube';
import type { RequestContext } from '../registry/request-context.ts';
import type { ResourceType, ServedVersion } from '../registry/resource-type.ts';

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** One write on its way into storage. Objects are in the stored version. */
export interface AdmissionRequest {
  readonly operation: AdmissionOperation;
  readonly type: ResourceType;
  /** The version that the client used. */
  readonly version: ServedVersion;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  /** Undefined for a deletion. Plugins that mutate change it in place. */
  readonly object: KubeObject | undefined;
  readonly old: KubeObject | undefined;
  readonly context: RequestContext;
}

/** Stands before storage: changes or refuses what is written. Both reject with a KubeStatusError to refuse. */
export interface AdmissionPlugin {
  readonly name: string;
  mutate?(request: AdmissionRequest): Promise<void> | void;
  validate?(request: AdmissionRequest): Promise<void> | void;
  /** The write has failed after `mutate`: gives back what was reserved. */
  release?(request: AdmissionRequest): void;
}
