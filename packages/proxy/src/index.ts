export { createDataPlane } from './data-plane.ts';
export type { ApplyResult, DataPlane, DataPlaneChange, DataPlaneOptions } from './model/index.ts';
