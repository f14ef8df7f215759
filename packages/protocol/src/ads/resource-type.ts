/** The kinds of resources that xDS carries between control plane and proxy. */
export const xdsTypes = {
  cluster: { typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster', shortName: 'CDS' },
  endpoint: {
    typeUrl: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
    shortName: 'EDS',
  },
  listener: { typeUrl: 'type.googleapis.com/envoy.config.listener.v3.Listener', shortName: 'LDS' },
  route: { typeUrl: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration', shortName: 'RDS' },
  scopedRoute: {
    typeUrl: 'type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration',
    shortName: 'SRDS',
  },
  virtualHost: { typeUrl: 'type.googleapis.com/envoy.config.route.v3.VirtualHost', shortName: 'VHDS' },
  secret: {
    typeUrl: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
    shortName: 'SDS',
  },
  extensionConfig: {
    typeUrl: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
    shortName: 'ECDS',
  },
  runtime: { typeUrl: 'type.googleapis.com/envoy.service.runtime.v3.Runtime', shortName: 'RTDS' },
} as const;

/** `cluster`, `listener` and so on. */
export type XdsKind = keyof typeof xdsTypes;

/** The kind of a type URL; undefined for one that xDS does not carry. */
export function xdsKindOf(typeUrl: string): XdsKind | undefined {
  for (const kind of Object.keys(xdsTypes) as XdsKind[]) {
    if (xdsTypes[kind].typeUrl === typeUrl) return kind;
  }
  return undefined;
}

/** `CDS` for a type URL, or the message's name where xDS has no short one: for logs and metrics. */
export function xdsShortName(typeUrl: string): string {
  const kind = xdsKindOf(typeUrl);
  return kind === undefined ? typeUrl.slice(typeUrl.lastIndexOf('.') + 1) : xdsTypes[kind].shortName;
}
