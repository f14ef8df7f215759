import type { AnyMessageType } from '@lateen/protocol';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration, VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import { Runtime } from '@lateen/protocol/envoy/service/runtime/v3';
import { Secret } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { textField } from '../decode/field-split.ts';
import type { ResourceType } from './resource-type.ts';

/** Where each kind of resource has its name. */
const nameFields: Readonly<Record<ResourceType, readonly [AnyMessageType, string]>> = {
  runtime: [Runtime, 'name'],
  cluster: [Cluster, 'name'],
  endpoint: [ClusterLoadAssignment, 'clusterName'],
  listener: [Listener, 'name'],
  route: [RouteConfiguration, 'name'],
  virtualHost: [VirtualHost, 'name'],
  extensionConfig: [TypedExtensionConfig, 'name'],
  secret: [Secret, 'name'],
};

/** The name inside a resource that came without one beside it; undefined where the bytes cannot be read. */
export function resourceNameIn(type: ResourceType, bytes: Uint8Array): string | undefined {
  const [{ table }, name] = nameFields[type];
  const field = table.byName.get(name);
  return field === undefined ? undefined : textField(bytes, field.number);
}
