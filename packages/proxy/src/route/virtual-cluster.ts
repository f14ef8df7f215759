import { compileHeaderMatch, type RequestTest, type RoutableRequest } from '../decide/header-match.ts';
import type { VirtualCluster, VirtualHost } from '../model/route.ts';

/** The name that a virtual host has for a request; undefined where it has none. */
export type VirtualClusterNamer = (request: RoutableRequest) => string | undefined;

/** Undefined where the host names none. Throws where a regular expression is none. */
export function compileVirtualClusters({ virtualClusters }: VirtualHost): VirtualClusterNamer | undefined {
  if (virtualClusters === undefined) return undefined;
  const compiled = virtualClusters.map(compileVirtualCluster);
  return (request) => compiled.find(({ tests }) => tests.every((test) => test(request)))?.name;
}

function compileVirtualCluster({ name, headers }: VirtualCluster): {
  readonly name: string;
  readonly tests: readonly RequestTest[];
} {
  return { name, tests: headers.map(compileHeaderMatch) };
}
