import type { Strategy } from '../registry/resource-type.ts';

export const crdStrategy: Strategy = {};
