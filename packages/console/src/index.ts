export type { ProxyRow } from './documents.ts';
export { parseSyncStatus } from './proxies/proxy-documents.ts';
export { startConsole, type ConsoleOptions, type RunningConsole } from './server/console-server.ts';
export { platformKinds, type MeshSource, type SourceObject } from './mesh-source.ts';
