import type { MethodType } from '@lateen/protocol';
import type { Node } from '@lateen/protocol/envoy/config/core/v3';
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import type { GrpcCaller } from '../call/index.ts';
import { deltaSession } from './delta-session.ts';
import { resourceNameIn } from './resource-name.ts';
import { resourceTypeFacts } from './resource-type.ts';
import { sotwSession } from './sotw-session.ts';
import { createXdsClient, type XdsClient, type XdsClientOptions, type XdsVariant } from './xds-client.ts';

export interface GrpcXdsOptions extends XdsClientOptions {
  readonly caller: GrpcCaller;
  readonly node: Node;
  readonly variant: 'delta' | 'sotw';
  /** Default: one stream carries all kinds (ADS); `separate`: the stream of the one kind that is asked for. */
  readonly service?: 'aggregated' | 'separate';
}

/** A client of a discovery service over gRPC. */
export function createGrpcClient(options: GrpcXdsOptions): XdsClient {
  const { caller, node, log } = options;
  const own = options.service === 'separate' ? options.types[0] : undefined;
  const pathOf = (aggregated: string, prefix: 'Delta' | 'Stream'): string => {
    if (own === undefined) return aggregated;
    const { service, plural } = resourceTypeFacts[own];
    return `/${service}/${prefix}${plural}`;
  };
  if (options.variant === 'delta') {
    const method = AggregatedDiscoveryService.deltaAggregatedResources;
    return createXdsClient<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(options, {
      open: opener(caller, at(method, pathOf(method.path, 'Delta'))),
      session: (context) => deltaSession({ ...context, node, log }),
    });
  }
  const method = AggregatedDiscoveryService.streamAggregatedResources;
  return createXdsClient<DiscoveryRequest, DiscoveryResponse>(options, {
    open: opener(caller, at(method, pathOf(method.path, 'Stream'))),
    session: (context) => sotwSession({ ...context, node, log, nameOf: resourceNameIn }),
  });
}

/** The same kind of method at another path: all discovery services have the same messages. */
function at<Request, Response>(
  method: MethodType<Request, Response>,
  path: string,
): MethodType<Request, Response> {
  return { path, kind: method.kind, request: method.request, response: method.response };
}

function opener<Request, Response>(
  caller: GrpcCaller,
  method: MethodType<Request, Response>,
): XdsVariant<Request, Response>['open'] {
  return (handlers) => {
    const stream = caller.openStream(method, {
      onOpen: () => handlers.onOpen(),
      onMessage: (message) => handlers.onMessage(message),
      onEnd: (error) =>
        handlers.onEnd(
          error === undefined ? 'the server ended the stream' : `${error.code}: ${error.message}`,
        ),
    });
    return {
      // Requests are few and small; what the connection cannot take yet waits in its queue.
      send: (request) => stream.send(request),
      cancel: () => stream.cancel(),
    };
  };
}
