import type { RequestHead, ResponseHead } from '../codec/head.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { SocketAddress } from '../model/address.ts';
import type { HostOverride } from '../cluster/host-override.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import type { RouteTable } from '../route/route-table.ts';
import type { CompiledRoute } from '../route/virtual-host.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { Metadata } from '../model/metadata.ts';
import type { BodyState, EarlyBody } from './early-body.ts';
import type { Peer } from '../telemetry/peer.ts';
import type { OriginalSource } from '../wire/transparent-socket.ts';
import type { StreamInfo } from '../telemetry/stream-info.ts';

/** What a filter sees of the request that passes it, and what it may do with it. */
export interface FilterExchange extends StreamInfo {
  readonly head: RequestHead;
  readonly connection: ConnectionInfo;
  /** The request's random number: shares are cut from it. */
  readonly draw: number;
  /** The client's address, by trusted headers where they say so. */
  readonly client: SocketAddress;
  readonly route: CompiledRoute | undefined;
  /** Who the client is, by the metadata it sent. */
  peer: Peer | undefined;
  /** What a client that has told who it is hears in turn. */
  peerAnswer: PeerAnswer;
  /** What filters say of the request to each other and to logs; undefined while nothing is said. */
  dynamicMetadata: Metadata | undefined;
  /** The filter's configuration for this request's route; undefined where the route has none. */
  routeConfig(filterName: string): HttpFilterConfig | undefined;
  /** True for a request that asks how the proxy or the application is. */
  healthCheck: boolean;
  /** Adds one of Envoy's response flags. */
  addFlag(flag: number): void;
  /** Answers in place of an endpoint. */
  reply(status: number, body: string, details: string, options?: LocalReplyOptions): void;
  /** Goes on after a filter that returned `stop`. */
  continueRequest(): void;
  /** The endpoint that the request is to go to, in place of the balancer's choice. */
  hostOverride: HostOverride | undefined;
  /** Where the request is sent on from; undefined: where the connection's listener says, else the proxy. */
  upstreamSource: OriginalSource | undefined;
  readonly random: () => number;
  /** Calls `run` once later, unless the request ends before. */
  later(delayMs: number, run: () => void): void;
  /** The table that serves the request, as it is now. */
  routeTable(): RouteTable | undefined;
  /** Looks for the route once more, as the table may have changed. */
  reroute(): void;
  /** Calls `run` now, as part of a turn; not where the request is over. For what comes from outside of one. */
  inTurn(run: () => void): void;
  /** Calls `run` when the request is over, however it ends. */
  atEnd(run: () => void): void;
  /** True where the client has sent everything, and nothing of it is still on its way through a transform. */
  readonly requestComplete: boolean;
  /**
   * Lets the client go on sending and keeps it; calls `run` when it is complete, or more than `limitBytes`. For a filter
   * that returns `stop`, where the request is not complete yet.
   */
  awaitBody(limitBytes: number, run: (state: BodyState) => void): void;
  /** Answers that the body is too large, and counts that. */
  refuseBody(): void;
  /** What has come of the body while filters were waiting. */
  readonly earlyBody: EarlyBody | undefined;
  /** Leads the body of the request through `transform`; from `onRequest` only. */
  transformRequest(transform: BodyTransform): void;
  /** Leads the body of the response through `transform`; from `onResponse` only. */
  transformResponse(transform: BodyTransform): void;
}

/** `introduction`: who we are; `remembered`: that we know now who the client is, for all that comes by its connection. */
export type PeerAnswer = 'nothing' | 'introduction' | 'remembered';

/** Where a {@link BodyTransform} puts what it has made. */
export interface BodyOutput {
  data(buffer: Buffer, start: number, end: number): void;
  end(trailers: HeaderBlock | undefined): void;
  /** Holds back, and lets go on, whoever sends. */
  pause(): void;
  resume(): void;
}

/** Changes a body on its way. What it is given is valid during the call only; `end` has to lead to an end of the output. */
export interface BodyTransform {
  data(buffer: Buffer, start: number, end: number, output: BodyOutput): void;
  end(trailers: HeaderBlock | undefined, output: BodyOutput): void;
}

export interface LocalReplyOptions {
  readonly headers?: readonly (readonly [string, string])[];
  readonly contentType?: string;
  readonly grpcStatus?: number;
  /** The body, where it may be no text. */
  readonly rawBody?: Buffer;
}

/** A filter of a chain, compiled; the same for all requests, so it keeps nothing of one. */
export interface CompiledHttpFilter {
  readonly name: string;
  /** `stop`: the filter has answered, or will call `continueRequest`. */
  onRequest?(exchange: FilterExchange): 'continue' | 'stop';
  /** The head of the response, before it is sent; filters are called in reverse order. */
  onResponse?(exchange: FilterExchange, response: ResponseHead, endStream: boolean): void;
  /** Runs only where a route turns it on. */
  readonly disabled?: boolean;
}
