/** Token characters of RFC 9110 section 5.6.2 mapped to their lower case; 0 for all others. */
export const tokenLower: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
    table[c.charCodeAt(0)] = c.charCodeAt(0);
  for (let c = 65; c <= 90; c++) table[c] = c + 32;
  return table;
})();

/** A header name, ready to be looked up: lower case, with the hash that blocks keep. */
export interface HeaderName {
  readonly lower: string;
  readonly hash: number;
  /** `name: `, as it goes on the wire. */
  readonly prefix: Uint8Array;
}

/** Adds one lower-case byte to the hash of a name. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

/** Prepares a name; do it once, at configuration time. */
export function headerName(name: string): HeaderName {
  const lower = name.toLowerCase();
  let hash = 0;
  for (let i = 0; i < lower.length; i++) hash = hashStep(hash, lower.charCodeAt(i));
  return { lower, hash, prefix: Buffer.from(`${lower}: `, 'latin1') };
}

/** True where `name` is a token, as a header name must be. */
export function isHeaderName(name: string): boolean {
  if (name.length === 0) return false;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c > 255 || tokenLower[c] === 0) return false;
  }
  return true;
}

/** Names that the proxy itself reads or writes. */
export const names = {
  accept: headerName('accept'),
  altSvc: headerName('alt-svc'),
  connection: headerName('connection'),
  contentLength: headerName('content-length'),
  contentType: headerName('content-type'),
  cookie: headerName('cookie'),
  date: headerName('date'),
  expect: headerName('expect'),
  grpcMessage: headerName('grpc-message'),
  grpcStatus: headerName('grpc-status'),
  grpcTimeout: headerName('grpc-timeout'),
  host: headerName('host'),
  keepAlive: headerName('keep-alive'),
  location: headerName('location'),
  origin: headerName('origin'),
  proxyConnection: headerName('proxy-connection'),
  referer: headerName('referer'),
  server: headerName('server'),
  setCookie: headerName('set-cookie'),
  te: headerName('te'),
  trailer: headerName('trailer'),
  transferEncoding: headerName('transfer-encoding'),
  upgrade: headerName('upgrade'),
  userAgent: headerName('user-agent'),
  forceTrace: headerName('x-envoy-force-trace'),
  via: headerName('via'),
  acquaintance: headerName('x-lateen-acquaintance'),
  attemptCount: headerName('x-envoy-attempt-count'),
  decoratorOperation: headerName('x-envoy-decorator-operation'),
  expectedTimeout: headerName('x-envoy-expected-rq-timeout-ms'),
  externalAddress: headerName('x-envoy-external-address'),
  envoyInternal: headerName('x-envoy-internal'),
  maxRetries: headerName('x-envoy-max-retries'),
  originalHost: headerName('x-envoy-original-host'),
  originalPath: headerName('x-envoy-original-path'),
  hedgeOnPerTryTimeout: headerName('x-envoy-hedge-on-per-try-timeout'),
  isTimeoutRetry: headerName('x-envoy-is-timeout-retry'),
  originalUrl: headerName('x-envoy-original-url'),
  overloaded: headerName('x-envoy-overloaded'),
  peerMetadata: headerName('x-envoy-peer-metadata'),
  peerMetadataId: headerName('x-envoy-peer-metadata-id'),
  perTryTimeout: headerName('x-envoy-upstream-rq-per-try-timeout-ms'),
  rateLimited: headerName('x-envoy-ratelimited'),
  retryOn: headerName('x-envoy-retry-on'),
  retryGrpcOn: headerName('x-envoy-retry-grpc-on'),
  retriableHeaderNames: headerName('x-envoy-retriable-header-names'),
  retriableStatusCodes: headerName('x-envoy-retriable-status-codes'),
  serviceTime: headerName('x-envoy-upstream-service-time'),
  upstreamTimeout: headerName('x-envoy-upstream-rq-timeout-ms'),
  forwardedClientCert: headerName('x-forwarded-client-cert'),
  forwardedFor: headerName('x-forwarded-for'),
  forwardedHost: headerName('x-forwarded-host'),
  forwardedProto: headerName('x-forwarded-proto'),
  requestId: headerName('x-request-id'),
} as const;
