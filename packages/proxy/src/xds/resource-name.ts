import { decode, type MessageType } from '@lateen/protocol';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration, VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import { Runtime } from '@lateen/protocol/envoy/service/runtime/v3';
import { Secret } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import type { ResourceType } from './resource-type.ts';

/** Where each kind of resource has its name. */
const readers: Readonly<Record<ResourceType, (bytes: Uint8Array) => string | undefined>> = {
  runtime: reader(Runtime, (message) => message.name),
  cluster: reader(Cluster, (message) => message.name),
  endpoint: reader(ClusterLoadAssignment, (message) => message.clusterName),
  listener: reader(Listener, (message) => message.name),
  route: reader(RouteConfiguration, (message) => message.name),
  virtualHost: reader(VirtualHost, (message) => message.name),
  extensionConfig: reader(TypedExtensionConfig, (message) => message.name),
  secret: reader(Secret, (message) => message.name),
};

function reader<T>(
  type: MessageType<T>,
  name: (message: T) => string | undefined,
): (bytes: Uint8Array) => string | undefined {
  return (bytes) => {
    const message = decode(type, bytes);
    return message.ok ? (name(message.value) ?? '') : undefined;
  };
}

/** The name inside a resource that came without one beside it; undefined where the bytes cannot be read. */
export function resourceNameIn(type: ResourceType, bytes: Uint8Array): string | undefined {
  return readers[type](bytes);
}
