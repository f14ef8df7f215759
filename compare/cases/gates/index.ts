import type { Theme } from '../../case.ts';
import { authz } from './authz.ts';
import { rbac } from './rbac.ts';
import { reasons } from './reasons.ts';

/** Filters that decide whether a connection is served. */
export const gates: Theme = { name: 'gates', reasons, setups: [...authz, ...rbac] };
