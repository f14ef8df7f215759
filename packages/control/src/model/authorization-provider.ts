/** A service that is asked whether a request may pass: `envoyExtAuthzHttp` or `envoyExtAuthzGrpc` of MeshConfig. */
export interface AuthorizationProvider {
  readonly name: string;
  readonly protocol: 'http' | 'grpc';
  /** Host of the service, or `namespace/host`. */
  readonly service: string;
  readonly port: number;
  /** Undefined where nothing is said: then what the service's DestinationRule says. */
  readonly timeoutMs: number | undefined;
  /** Stands before the path of the request when it is asked about. */
  readonly pathPrefix: string;
  /** Whether requests pass where the service cannot be asked. */
  readonly failOpen: boolean;
  readonly clearRouteCache: boolean;
  /** Status of requests that the service cannot be asked about; 403 where left out. */
  readonly statusOnError: number | undefined;
  readonly includeRequestHeadersInCheck: readonly string[];
  readonly includeAdditionalHeadersInCheck: Readonly<Record<string, string>>;
  readonly headersToUpstreamOnAllow: readonly string[];
  readonly headersToDownstreamOnAllow: readonly string[];
  readonly headersToDownstreamOnDeny: readonly string[];
  readonly body:
    | {
        readonly maxRequestBytes: number;
        readonly allowPartialMessage: boolean;
        readonly packAsBytes: boolean;
      }
    | undefined;
}
