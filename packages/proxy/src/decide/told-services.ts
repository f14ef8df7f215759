import type { DataPlaneChange } from '../model/change.ts';
import type { Listener } from '../model/listener.ts';

/** True where an access log of the listeners, or of network filters that come by themselves, goes to a service. */
export function tellsServices({ listeners, extensions }: DataPlaneChange): boolean {
  const chains = (listeners?.set ?? []).flatMap((one) => [...one.filterChains, one.defaultFilterChain]);
  const filters = [
    ...chains.flatMap((chain) => chain?.filters ?? []),
    ...(extensions?.set ?? []).flatMap((one) => (one.layer === 'network' ? [one.filter] : [])),
  ];
  const logs = [
    ...(listeners?.set ?? []).flatMap((one) => one.accessLogs),
    ...filters.flatMap((one) =>
      one.kind === 'http_connection_manager' || one.kind === 'tcp_proxy' ? one.accessLogs : [],
    ),
    ...filters
      .flatMap((one) => (one.kind === 'http_connection_manager' ? one.httpFilters : []))
      .flatMap(({ config }) => (config.kind === 'router' ? (config.attemptLogs ?? []) : [])),
  ];
  return logs.some(({ sink }) => sink.kind === 'grpc' || sink.kind === 'open_telemetry');
}

/** True for listeners that tell a collector of their requests. */
export function asksForTracing({ filterChains, defaultFilterChain }: Listener): boolean {
  return [...filterChains, defaultFilterChain].some((chain) =>
    chain?.filters.some(
      (filter) => filter.kind === 'http_connection_manager' && filter.tracing?.provider !== undefined,
    ),
  );
}
