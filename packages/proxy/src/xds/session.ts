import type { Logger } from '@lateen/core';
import type { Node } from '@lateen/protocol/envoy/config/core/v3';
import type { ResourceType } from './resource-type.ts';
import type { ResourceSink, Subscription } from './subscription.ts';

/** What every variant of the protocol needs; one object a connection. */
export interface SessionOptions<Request> {
  /** The node, sent with the first request of the stream only. */
  readonly node: Node;
  readonly subscriptions: ReadonlyMap<ResourceType, Subscription>;
  readonly sink: ResourceSink;
  readonly log: Logger;
  send(request: Request): void;
}

/** The conversation over one stream, in one variant of the protocol. */
export interface Session<Response> {
  /** Asks for everything that is wanted. */
  start(): void;
  /** Takes a response and acknowledges or refuses it; to be called again only when this is done. */
  receive(response: Response): Promise<void>;
  /** Asks for what has come to be wanted and stops what is not wanted any more. */
  subscriptionChanged(type: ResourceType): void;
}

/** The code of `google.rpc.Status` in a NACK: INTERNAL, as Envoy sends it. */
export const refusedCode = 13;
