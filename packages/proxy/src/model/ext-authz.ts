import type { GrpcServiceConfig } from './grpc-service.ts';
import type { Fraction, StringMatch } from './string-match.ts';
import type { MetadataMatch } from './metadata-match.ts';

/** A service that is asked by HTTP: it is sent the request's head, and answers 200 where the request may pass. */
export interface HttpAuthorizer {
  readonly kind: 'http';
  readonly cluster: string;
  readonly timeoutMs: number;
  /** Before the path of the request. */
  readonly pathPrefix: string;
  readonly headersToAdd: readonly (readonly [string, string])[];
  /** Headers of its answer that replace those of the request, are joined to them, or say metadata. */
  readonly upstreamHeaders: readonly StringMatch[];
  readonly upstreamHeadersToAppend: readonly StringMatch[];
  readonly metadataHeaders: readonly StringMatch[];
  /** Headers of a refusal for the client; undefined: all. */
  readonly clientHeaders?: readonly StringMatch[];
  readonly clientHeadersOnSuccess: readonly StringMatch[];
}

/** A service of `envoy.service.auth.v3.Authorization`. */
export interface GrpcAuthorizer {
  readonly kind: 'grpc';
  readonly service: GrpcServiceConfig;
}

export interface AuthorizedBody {
  readonly maxBytes: number;
  /** Send the beginning of a body that is larger; else it is answered 413. */
  readonly allowPartial: boolean;
  readonly packAsBytes: boolean;
}

/** Asks somebody else whether requests may pass (`envoy.extensions.filters.http.ext_authz.v3.ExtAuthz`). */
export interface ExtAuthz {
  readonly authorizer: HttpAuthorizer | GrpcAuthorizer;
  /** Requests pass where the service fails. */
  readonly failureModeAllow: boolean;
  readonly failureModeAllowHeader: boolean;
  readonly body?: AuthorizedBody;
  readonly clearRouteCache: boolean;
  /** Default 403. */
  readonly statusOnError: number;
  /** Metadata of filters, and of the route, that a gRPC service is told. */
  readonly metadataNamespaces: readonly string[];
  readonly routeMetadataNamespaces: readonly string[];
  /** Share of requests that are asked about; undefined: all. */
  readonly enabled?: Fraction;
  readonly enabledMetadata?: MetadataMatch;
  /** True: the requests that are not asked about, by {@link enabled} or {@link enabledMetadata}, are refused. */
  readonly deniesDisabled?: () => boolean;
  readonly includePeerCertificate: boolean;
  readonly includeTlsSession: boolean;
  readonly statPrefix: string;
  /** False: what metadata the service answers with is left alone. */
  readonly takesMetadata: boolean;
  /** The key of the node's metadata whose labels a gRPC service is told. */
  readonly labelsKey: string;
  /** What the service is told of the request's headers; undefined: gRPC all, HTTP what it needs at least. */
  readonly allowedHeaders?: readonly StringMatch[];
  readonly disallowedHeaders: readonly StringMatch[];
  /** Refusals count as answers of the route's cluster. */
  readonly chargeCluster: boolean;
  readonly rawHeaders: boolean;
}

/** What a route changes. */
export interface ExtAuthzRoute {
  readonly contextExtensions: Readonly<Record<string, string>>;
  readonly disableBody: boolean;
  readonly body?: AuthorizedBody;
}

/** Asks a service of gRPC about each connection. */
export interface NetworkExtAuthz {
  readonly statPrefix: string;
  readonly service: GrpcServiceConfig;
  /** Serve where the service cannot be asked. */
  readonly failureModeAllow: boolean;
  readonly includePeerCertificate: boolean;
  readonly includeTlsSession: boolean;
  /** Only connections whose metadata is so are asked about. */
  readonly enabledMetadata?: MetadataMatch;
  /** Where the proxy's metadata has labels to be told; empty: none. */
  readonly labelsKey: string;
}
