import type { Theme } from '../../case.ts';
import { breakers } from './breakers.ts';
import { connections } from './connections.ts';
import { flapping, health } from './health.ts';
import { kinds } from './kinds.ts';
import { outliers } from './outliers.ts';
import { reasons } from './reasons.ts';

/** What clusters do: their limits, the health of their hosts, their connections. */
export const clusters: Theme = {
  name: 'clusters',
  reasons,
  setups: [outliers, breakers, health, flapping, kinds, connections],
};
