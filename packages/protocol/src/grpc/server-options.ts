import type { SecureContextOptions } from 'node:tls';
import type { Clock, Logger } from '@lateen/core';

/** TLS of a listener. */
export interface ServerTls {
  /** PEM of the certificate chain. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** PEM of the roots for client certificates; where set, clients are asked for one. */
  readonly clientCa?: string | Buffer | readonly (string | Buffer)[];
  /** Refuses clients without a certificate of `clientCa`; default false. */
  readonly requireClientCertificate?: boolean;
}

export interface ListenOptions {
  /** Default all addresses. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port?: number;
  /** Path of a Unix socket instead of an address. */
  readonly path?: string;
  /** Absent: plain text. */
  readonly tls?: ServerTls;
}

export interface GrpcServerOptions {
  /** Largest message accepted; default 64 MiB. */
  readonly maxMessageBytes?: number;
  /** Streams that one connection may have open; default 1,000. */
  readonly maxConcurrentStreams?: number;
  /** How often a quiet connection is pinged; default 30,000; 0: never. */
  readonly keepaliveMs?: number;
  /** How long a ping may take; default 10,000. */
  readonly keepaliveTimeoutMs?: number;
  /** A connection is asked to go away after so long, so that clients spread over replicas; default never. */
  readonly maxConnectionAgeMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** What Node's TLS takes. */
export function contextOf(tls: ServerTls): SecureContextOptions {
  return {
    cert: tls.cert,
    key: tls.key,
    ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa as string | Buffer | (string | Buffer)[] }),
  };
}
