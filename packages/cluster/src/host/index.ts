export { runningCluster } from './data-dir-lock.ts';
export { addressBlock, type AddressBlock } from './host-ports.ts';
export { launchCluster, type ClusterExit, type ClusterHandle, type LaunchOptions } from './launch.ts';
export type { ClusterFacts, Progress } from './messages.ts';
export { preflight, type Check } from './preflight.ts';
