import type { MethodType } from '@lateen/protocol';
import type { Node } from '@lateen/protocol/envoy/config/core/v3';
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import type { Channel } from '@lateen/protocol/grpc';
import { deltaSession } from './delta-session.ts';
import { resourceNameIn } from './resource-name.ts';
import { sotwSession } from './sotw-session.ts';
import { createXdsClient, type XdsClient, type XdsClientOptions, type XdsVariant } from './xds-client.ts';

export interface GrpcXdsOptions extends XdsClientOptions {
  readonly channel: Channel;
  readonly node: Node;
  readonly variant: 'delta' | 'sotw';
}

/** A client of an aggregated discovery service over gRPC. */
export function createAdsClient(options: GrpcXdsOptions): XdsClient {
  const { channel, node, log } = options;
  if (options.variant === 'delta') {
    return createXdsClient<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(options, {
      open: opener(channel, AggregatedDiscoveryService.deltaAggregatedResources),
      session: (context) => deltaSession({ ...context, node, log }),
    });
  }
  return createXdsClient<DiscoveryRequest, DiscoveryResponse>(options, {
    open: opener(channel, AggregatedDiscoveryService.streamAggregatedResources),
    session: (context) => sotwSession({ ...context, node, log, nameOf: resourceNameIn }),
  });
}

function opener<Request, Response>(
  channel: Channel,
  method: MethodType<Request, Response>,
): XdsVariant<Request, Response>['open'] {
  return (handlers) => {
    const stream = channel.openStream(method, {
      onMessage: (message) => handlers.onMessage(message),
      onEnd: (error) =>
        handlers.onEnd(
          error === undefined ? 'the server ended the stream' : `${error.code}: ${error.message}`,
        ),
    });
    return {
      // Requests are few and small; what the connection cannot take yet waits in its queue.
      send: (request) => void stream.send(request),
      cancel: () => stream.cancel(),
    };
  };
}
