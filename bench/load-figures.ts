import type { Figure } from './case.ts';

/** The figures of cases in which a load asks as fast as it is answered. */
export const loadFigures: readonly Figure[] = [
  { key: 'requestsPerSecond', title: 'requests/s', digits: 0, ratio: 'our requests/s' },
  { key: 'p50Ms', title: 'p50 ms', digits: 2 },
  { key: 'p99Ms', title: 'p99 ms', digits: 2 },
  { key: 'cpuUsPerRequest', title: 'CPU us/request', digits: 1, ratio: 'our CPU' },
  { key: 'anonymousMb', title: 'memory MB', digits: 0 },
];
