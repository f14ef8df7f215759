export { createDataPlane } from './create-data-plane.ts';
export type { ApplyResult, DataPlaneChange } from './model/index.ts';
export type { DataPlane, DataPlaneOptions } from './data-plane.ts';
