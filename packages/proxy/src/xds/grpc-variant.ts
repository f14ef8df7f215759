import type { Logger } from '@lateen/core';
import { decode, type MessageType, type MethodType } from '@lateen/protocol';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import type { Node } from '@lateen/protocol/envoy/config/core/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { Secret } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import type { Channel } from '@lateen/protocol/grpc';
import { deltaSession } from './delta-session.ts';
import type { ResourceType } from './resource-type.ts';
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
    session: (context) => sotwSession({ ...context, node, log, nameOf: nameIn(log) }),
  });
}

function opener<Request, Response>(
  channel: Channel,
  method: MethodType<Request, Response>,
): XdsVariant<Request, Response>['open'] {
  return (handlers) => {
    const stream = channel.openStream(method, {
      onMessage: handlers.onMessage,
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

/** Where each kind of resource has its name. */
function nameIn(log: Logger): (type: ResourceType, bytes: Uint8Array) => string | undefined {
  const reader =
    <T>(type: MessageType<T>, name: (message: T) => string | undefined) =>
    (bytes: Uint8Array): string | undefined => {
      const message = decode(type, bytes);
      if (message.ok) return name(message.value) ?? '';
      log.warn('a resource cannot be read', { type: type.typeName, reason: message.problems[0]?.message });
      return undefined;
    };
  const readers: Readonly<Record<ResourceType, (bytes: Uint8Array) => string | undefined>> = {
    cluster: reader(Cluster, (message) => message.name),
    endpoint: reader(ClusterLoadAssignment, (message) => message.clusterName),
    listener: reader(Listener, (message) => message.name),
    route: reader(RouteConfiguration, (message) => message.name),
    secret: reader(Secret, (message) => message.name),
  };
  return (type, bytes) => readers[type](bytes);
}
