/** Something that can run out (Envoy, "Overload manager", resource monitors). */
export type OverloadMonitor =
  /** Anonymous memory of the process against its limit. */
  | { readonly kind: 'fixed_heap'; readonly name: string; readonly maxHeapBytes: number }
  /** Time of the processors that is used: by the whole machine, or by the container of what it may use. */
  | { readonly kind: 'cpu_utilization'; readonly name: string; readonly of: 'host' | 'container' }
  /** Memory of the container against its limit, or this one where it is less; default: only its own. */
  | { readonly kind: 'cgroup_memory'; readonly name: string; readonly maxMemoryBytes?: number }
  /** The pressure is read from a file: a number from 0 to 1. */
  | { readonly kind: 'injected'; readonly name: string; readonly file: string }
  /** Connections of clients over all listeners; more are not taken. */
  | { readonly kind: 'downstream_connections'; readonly name: string; readonly maxConnections: number };

/** Acts in part from `scalingAt` of a resource's pressure on, and wholly from `saturatedAt` on. */
export interface OverloadTrigger {
  readonly resource: string;
  readonly scalingAt: number;
  readonly saturatedAt: number;
}

/** What is done where a resource runs out, by Envoy's names. */
export type OverloadActionName =
  | 'envoy.overload_actions.stop_accepting_requests'
  | 'envoy.overload_actions.disable_http_keepalive'
  | 'envoy.overload_actions.reject_incoming_connections'
  | 'envoy.overload_actions.shrink_heap';

export interface OverloadAction {
  readonly name: OverloadActionName;
  /** The strongest counts. */
  readonly triggers: readonly OverloadTrigger[];
}

/** Envoy's `envoy.config.overload.v3.OverloadManager`. */
export interface OverloadConfig {
  readonly refreshIntervalMs: number;
  readonly monitors: readonly OverloadMonitor[];
  readonly actions: readonly OverloadAction[];
}
