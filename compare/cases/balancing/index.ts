import type { Theme } from '../../case.ts';
import { priorities } from './priorities.ts';
import { hashing } from './hashing.ts';
import { subsets } from './subsets.ts';
import { turns } from './turns.ts';

/** Which host of a cluster a request goes to. */
export const balancing: Theme = { name: 'balancing', setups: [priorities, turns, hashing, subsets] };
