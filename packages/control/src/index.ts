export { parseCommandLine, type CommandLine, type DiscoveryOptions } from './command-line.ts';
export { startControlPlane, type ControlPlane, type ControlPlaneOptions } from './control-plane.ts';
export { controlEnvironment, type ControlEnvironment } from './env.ts';
