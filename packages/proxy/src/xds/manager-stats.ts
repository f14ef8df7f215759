import type { StatGroup, StatVisitor } from '../telemetry/stat-group.ts';

/** What has become of the resources of one kind. */
export interface ResourceCounts {
  added: number;
  modified: number;
  removed: number;
  readonly active: number;
  readonly warming: number;
}

/** Envoy's `cluster_manager.…` and `listener_manager.…`. */
export function managerStats(noun: 'cluster' | 'listener', counts: () => ResourceCounts): StatGroup {
  const active = noun === 'cluster' ? 'active_clusters' : 'total_listeners_active';
  const warming = noun === 'cluster' ? 'warming_clusters' : 'total_listeners_warming';
  return {
    prefix: `${noun}_manager.`,
    prometheusPrefix: `envoy_${noun}_manager_`,
    labels: {},
    visit(visitor: StatVisitor) {
      const now = counts();
      visitor.number(`${noun}_added`, 'counter', now.added);
      visitor.number(`${noun}_modified`, 'counter', now.modified);
      visitor.number(`${noun}_removed`, 'counter', now.removed);
      visitor.number(active, 'gauge', now.active);
      visitor.number(warming, 'gauge', now.warming);
      // Connections are taken as soon as a listener is in force.
      if (noun === 'listener') visitor.number('workers_started', 'gauge', 1);
    },
    resetCounters() {
      const now = counts();
      now.added = 0;
      now.modified = 0;
      now.removed = 0;
    },
  };
}
