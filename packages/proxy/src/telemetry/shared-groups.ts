import type { StatGroup } from './stat-group.ts';
import type { StatsRegistry } from './stats-registry.ts';

/** Statistics by a key, made when they are first asked for. */
export function sharedGroups(
  registry: StatsRegistry,
): <T extends StatGroup>(key: string, create: () => T) => T {
  const known = new Map<string, StatGroup>();
  return <T extends StatGroup>(key: string, create: () => T): T => {
    let group = known.get(key) as T | undefined;
    if (group === undefined) {
      group = create();
      known.set(key, group);
      registry.add(group);
    }
    return group;
  };
}

/** Statistics by their prefix: several filters of one prefix share them. */
export function shared<T extends StatGroup>(
  create: (prefix: string) => T,
  registry: StatsRegistry,
): (prefix: string) => T {
  const groupOf = sharedGroups(registry);
  return (prefix) => groupOf(prefix, () => create(prefix));
}
