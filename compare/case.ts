import type { ConnectionOptions, TlsOptions } from 'node:tls';
import type { MessageType } from '@lateen/protocol';

/** What a peer does next: bytes (of a string one a character), or one of the things that are no bytes. */
export type Step =
  | string
  | Buffer
  | { readonly waitMs: number }
  /** Goes on when what has come so far on this connection holds the text; after four seconds all the same. */
  | { readonly until: string }
  /** Ends its half of the connection. */
  | { readonly end: true }
  /** Closes both halves. */
  | { readonly close: true }
  /** Closes by RST. */
  | { readonly reset: true };

/** How a client speaks TLS; certificates of proxies are told of, not judged. */
export interface ClientTls extends ConnectionOptions {
  /** What is sent on a connection before it, whose session this one takes up. */
  readonly resumesAfter?: string;
}

/** A client's connection. */
export interface Client {
  readonly send: readonly Step[];
  /** With TLS. Default: without. */
  readonly tls?: ClientTls;
  /** The listener, where the setup has more than one. Default `main`. */
  readonly listener?: 'main' | 'other';
}

/** What an endpoint does with a request. */
export interface Reply {
  /**
   * When it begins: with the connection, at the head of the request, or at its end. Default `end`. A reply to a
   * connection comes before those to its requests.
   */
  readonly on?: 'connect' | 'head' | 'end';
  /** Of HTTP/2 the steps are for the stream of the request. */
  readonly send: readonly Step[] | ((streamId: number) => readonly Step[]);
}

/** How an endpoint speaks that neither speaks HTTP nor follows replies: called for each connection, then for its bytes. */
export type Dialogue = (say: (steps: readonly Step[]) => void) => (bytes: Buffer) => void;

/** Endpoints that follow a script. */
export const endpointNames = ['up', 'up2', 'up3'] as const;
export type EndpointName = (typeof endpointNames)[number];

/** Ports of loopback that a setup may name. */
export interface Ports {
  readonly admin: number;
  readonly main: number;
  readonly other: number;
  /** Endpoints, of HTTP/1.1 or of HTTP/2, as they are asked. */
  readonly up: number;
  readonly up2: number;
  readonly up3: number;
  /** Nobody listens here. */
  readonly closed: number;
}

/** What is known to differ, and why; docs/envoy-differences.md has them all. */
export interface Reason {
  readonly why: string;
  /** In which cases, by their words. Default: all. */
  readonly cases?: RegExp;
  /** Which observations, by their names. Default: all. */
  readonly of?: RegExp;
  /** Which values. Default: any. */
  readonly when?: (envoy: string | undefined, lateen: string | undefined) => boolean;
}

/** One exchange, done with both proxies. */
export interface CompareCase {
  readonly what: string;
  /** What clients send, each on its own connection, all at once. */
  readonly clients: readonly Client[];
  /** How frames are read: as HTTP/1.1 (default), HTTP/2, or not at all. */
  readonly protocol?: 'http1' | 'http2' | 'tcp';
  /** Replies of the endpoint `up`, one a request; the last one again for all further ones. Default: `hello`. */
  readonly up?: readonly Reply[];
  readonly up2?: readonly Reply[];
  readonly up3?: readonly Reply[];
  /** A connection is left alone, and looked at, when nothing has come for so long. Default 200. */
  readonly quietMs?: number;
  /** Paths of the admin port that are fetched afterwards and compared. */
  readonly admin?: readonly string[];
  /** The same, line by line: pages of names and values, in an order that does not matter. */
  readonly tables?: readonly string[];
  /**
   * What each endpoint has of the requests, of each hundred, at least and at most: it is left to chance, so that
   * nothing else of endpoints and of the log is compared. One that is not named has none.
   */
  readonly shares?: Readonly<Partial<Record<EndpointName, readonly [number, number]>>>;
  /**
   * So many requests are a round, in which endpoints have their turns: the last rounds are compared wherever they
   * begin, and nothing else of endpoints and of the log.
   */
  readonly round?: number;
  /** The endpoint that collects spans of Zipkin: spans are compared, and not their reports. */
  readonly collector?: EndpointName;
  /** Whom each request goes to is compared, and nothing else of endpoints and of the log. */
  readonly order?: boolean;
  /** Why some of what is observed differs on purpose, by the beginning of its name. */
  readonly differs?: Readonly<Record<string, string>>;
}

/** Cases that one bootstrap serves, one after another. */
export interface Setup {
  readonly name: string;
  readonly bootstrap: (ports: Ports) => object;
  /** Replies of endpoints while the proxies start, and are not asked by a case. Default: `hello`. */
  readonly endpoints?: Readonly<Partial<Record<EndpointName, readonly Reply[]>>>;
  /** The TLS of endpoints, where they speak it. */
  readonly endpointTls?: Readonly<Partial<Record<EndpointName, TlsOptions>>>;
  /** What endpoints are sent by gRPC: it is compared field by field. */
  readonly endpointMessages?: Readonly<Partial<Record<EndpointName, MessageType<unknown>>>>;
  /** How endpoints speak that speak no HTTP; what they are sent is compared as bytes. */
  readonly dialogues?: (ports: () => Ports) => Readonly<Partial<Record<EndpointName, Dialogue>>>;
  /** Endpoints that are sent no HTTP: what comes is compared as bytes, and replies are those to connections. */
  readonly rawEndpoints?: readonly EndpointName[];
  readonly cases: readonly CompareCase[];
}

/** A folder of `cases/`. */
export interface Theme {
  readonly name: string;
  readonly reasons?: readonly Reason[];
  readonly setups: readonly Setup[];
}
