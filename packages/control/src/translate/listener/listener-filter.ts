import { packAny } from '@lateen/protocol';
import type { Listener, ListenerFilter } from '@lateen/protocol/envoy/config/listener/v3';
import { HttpInspector } from '@lateen/protocol/envoy/extensions/filters/listener/http_inspector/v3';
import { OriginalDst } from '@lateen/protocol/envoy/extensions/filters/listener/original_dst/v3';
import { ProxyProtocol } from '@lateen/protocol/envoy/extensions/filters/listener/proxy_protocol/v3';
import { TlsInspector } from '@lateen/protocol/envoy/extensions/filters/listener/tls_inspector/v3';
import type { MeshSettings } from '../../model/mesh-settings.ts';

/** What the HTTP inspector may find on a connection without TLS. */
export const plainHttp = ['http/1.0', 'http/1.1', 'h2c'];

export const originalDst: ListenerFilter = {
  name: 'envoy.filters.listener.original_dst',
  typedConfig: packAny(OriginalDst, {}),
};

/** Takes whose connection it is from the header of the PROXY protocol; without one a connection is closed. */
export const proxyHeader: ListenerFilter = {
  name: 'envoy.filters.listener.proxy_protocol',
  typedConfig: packAny(ProxyProtocol, {}),
};

/** Looks for TLS, except on ports where none comes: there a server that speaks first would wait in vain. */
export function tlsInspector(exceptPorts: readonly number[] = []): ListenerFilter {
  return {
    name: 'envoy.filters.listener.tls_inspector',
    typedConfig: packAny(TlsInspector, {}),
    ...disabledOn(exceptPorts),
  };
}

/** Looks for HTTP, except on ports where the protocol is known. */
export function httpInspector(exceptPorts: readonly number[] = []): ListenerFilter {
  return {
    name: 'envoy.filters.listener.http_inspector',
    typedConfig: packAny(HttpInspector, {}),
    ...disabledOn(exceptPorts),
  };
}

function disabledOn(ports: readonly number[]): Pick<ListenerFilter, 'filterDisabled'> {
  const predicates = ports.map((port) => ({ destinationPortRange: { start: port, end: port + 1 } }));
  const [only, ...more] = predicates;
  if (only === undefined) return {};
  return { filterDisabled: more.length === 0 ? only : { orMatch: { rules: predicates } } };
}

/** How long a listener looks at a connection; it goes on with what it knows then. */
export function inspectionFields(mesh: MeshSettings): Partial<Listener> {
  return {
    listenerFiltersTimeout: mesh.protocolDetectionTimeoutMs,
    continueOnListenerFiltersTimeout: true,
  };
}
