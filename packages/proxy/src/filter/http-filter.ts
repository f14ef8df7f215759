import type { RequestHead, ResponseHead } from '../codec/head.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { SocketAddress } from '../model/address.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import type { CompiledRoute } from '../route/route-table.ts';
import type { Peer } from '../telemetry/peer.ts';

/** What a filter sees of the request that passes it, and what it may do with it. */
export interface FilterExchange {
  readonly head: RequestHead;
  readonly connection: ConnectionInfo;
  /** The client's address, by trusted headers where they say so. */
  readonly client: SocketAddress;
  readonly route: CompiledRoute | undefined;
  /** Who the client is, by the metadata it sent. */
  peer: Peer | undefined;
  /** True where the client has told who it is and is to be told in turn. */
  peerAsked: boolean;
  /** The filter's configuration for this request's route; undefined where the route has none. */
  routeConfig(filterName: string): HttpFilterConfig | undefined;
  /** Adds one of Envoy's response flags. */
  addFlag(flag: number): void;
  /** Answers in place of an endpoint. */
  reply(status: number, body: string, details: string, options?: LocalReplyOptions): void;
  /** Goes on after a filter that returned `stop`. */
  continueRequest(): void;
  readonly random: () => number;
  /** Calls `run` once later, unless the request ends before. */
  later(delayMs: number, run: () => void): void;
}

export interface LocalReplyOptions {
  readonly headers?: readonly (readonly [string, string])[];
  readonly contentType?: string;
  readonly grpcStatus?: number;
}

/** A filter of a chain, compiled; the same for all requests, so it keeps nothing of one. */
export interface CompiledHttpFilter {
  readonly name: string;
  /** `stop`: the filter has answered, or will call `continueRequest`. */
  onRequest?(exchange: FilterExchange): 'continue' | 'stop';
  /** The head of the response, before it is sent; filters are called in reverse order. */
  onResponse?(exchange: FilterExchange, response: ResponseHead): void;
}
