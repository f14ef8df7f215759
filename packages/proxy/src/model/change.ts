import type { Problem } from '@lateen/core';
import type { Cluster } from './cluster.ts';
import type { ClusterLoadAssignment } from './endpoint.ts';
import type { ExtensionConfig } from './extension.ts';
import type { Listener } from './listener.ts';
import type { RouteConfiguration } from './route.ts';
import type { Secret } from './tls.ts';

/** Resources that were added or replaced, and names that are gone. */
export interface ResourceChange<T> {
  readonly set?: readonly T[];
  readonly remove?: readonly string[];
}

/** A change that the data plane takes as one: a request sees all of it or nothing. */
export interface DataPlaneChange {
  readonly clusters?: ResourceChange<Cluster>;
  readonly endpoints?: ResourceChange<ClusterLoadAssignment>;
  readonly secrets?: ResourceChange<Secret>;
  readonly routes?: ResourceChange<RouteConfiguration>;
  /** Configurations of filters that come by themselves. */
  readonly extensions?: ResourceChange<ExtensionConfig>;
  readonly listeners?: ResourceChange<Listener>;
}

export type ResourceKind = keyof DataPlaneChange;

/** A resource that cannot be used; the one of the same name that was in force before still is. */
export interface RefusedResource {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly problems: readonly Problem[];
}

/** What came of a change: everything is in force but what is listed. */
export interface ApplyResult {
  readonly refused: readonly RefusedResource[];
}
