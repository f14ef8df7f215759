import type { GroupSnapshot, StatsSnapshot } from '../telemetry/stats-snapshot.ts';

/** Groups that say the same in each worker, as they are about configuration or the process. */
const commonGroups =
  /^(?:server|runtime|cluster_manager|listener_manager|control_plane|overload|filesystem)\./;
/** Statistics of a cluster that each worker would count again. */
const commonNames =
  /^(?:update_|membership_|assignment_|health_check\.|lb_subsets_(?:active|created|removed))/;
/** Gauges that may be added: what is under way. */
const addedGauge =
  /(?:^|[._])(?:cx|ssl|http[12]|rq|pending|streams|upgrades|sessions|connections|op_query)_active$|^active(?:_faults|_connections)?$|^pending$|_bytes_buffered$/;

/** What a further worker adds to the statistics of the first: traffic, and nothing that all of them would count. */
export function trafficOf(snapshot: StatsSnapshot): StatsSnapshot {
  const groups = snapshot.groups
    .filter(({ prefix }) => !commonGroups.test(prefix))
    .map(
      (group): GroupSnapshot => ({
        ...group,
        texts: [],
        numbers: group.numbers.filter(
          ([name, kind]) => !commonNames.test(name) && (kind === 'counter' || addedGauge.test(name)),
        ),
      }),
    );
  return { groups, metrics: snapshot.metrics };
}
