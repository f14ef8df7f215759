import type {
  Cluster,
  ClusterLoadAssignment,
  ExtensionConfig,
  Listener,
  ResourceChange,
  RouteConfiguration,
  Secret,
} from '../model/index.ts';
import type { Decoded } from './waiting-set.ts';

/** Decoded resources of one response, or of the static bootstrap. */
export interface ConfigChange {
  /** True for what the bootstrap holds: it waits for no subscription and counts as none. */
  readonly isStatic?: boolean;
  /**
   * True for what was kept since the last run: it waits for nothing, since who could send it may be away; the proxy is
   * not ready before all secrets are there, which are never kept.
   */
  readonly isKept?: boolean;
  readonly clusters?: ResourceChange<Decoded<Cluster>>;
  readonly listeners?: ResourceChange<Decoded<Listener>>;
  readonly endpoints?: ResourceChange<ClusterLoadAssignment>;
  readonly routes?: ResourceChange<RouteConfiguration>;
  readonly secrets?: ResourceChange<Secret>;
  readonly extensions?: ResourceChange<ExtensionConfig>;
}
