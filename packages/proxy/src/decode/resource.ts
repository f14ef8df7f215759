import { ok, problem, type Result } from '@lateen/core';
import type { MessageType } from '@lateen/protocol';
import { Cluster as ClusterMessage } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterLoadAssignment as AssignmentMessage } from '@lateen/protocol/envoy/config/endpoint/v3';
import { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import { Listener as ListenerMessage } from '@lateen/protocol/envoy/config/listener/v3';
import {
  RouteConfiguration as RouteMessage,
  VirtualHost as VirtualHostMessage,
} from '@lateen/protocol/envoy/config/route/v3';
import { Secret as SecretMessage } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import type {
  Cluster,
  ClusterLoadAssignment,
  ExtensionConfig,
  Listener,
  ReferenceSources,
  RouteConfiguration,
  Secret,
  VirtualHost,
} from '../model/index.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { wholly, type Parts } from '../timer/in-slices.ts';
import { decodeCluster } from './cluster.ts';
import { decodeAssignment } from './endpoint.ts';
import { decodeExtension } from './extension.ts';
import { decodeListener } from './listener.ts';
import { decodeVirtualHost, routeBytesParts, routeConfigurationParts } from './route.ts';
import { Scope } from './scope.ts';
import { decodeSecret } from './tls.ts';

/** A decoded resource, and how long it may wait for what it refers to; 0: for ever. */
export interface DecodedResource<T> {
  readonly model: T;
  readonly warmingTimeoutMs: number;
  /** Where what it refers to comes from, unless by ADS. */
  readonly sources: ReferenceSources;
  /** True where it holds a private key or a password: it must not be written to disk. */
  readonly confidential: boolean;
  /** Fields that this proxy's messages do not have, as `type#number`: set by a newer control plane. */
  readonly unknownFields: readonly string[];
}

/** How a resource becomes a model: in parts, where it may be large. All that is wrong with it is noted in `scope`. */
interface Decoding<M, T> {
  readonly ofMessage: (scope: Scope, message: M) => Parts<T>;
  /** Undefined where the bytes cannot be read. */
  readonly ofBytes: (scope: Scope, bytes: Uint8Array, before: T | undefined) => Parts<T | undefined>;
}

/** Decodes at one go. */
function atOnce<M, T>(type: MessageType<M>, toModel: (scope: Scope, message: M) => T): Decoding<M, T> {
  function whole(scope: Scope, message: M): T {
    const model = toModel(scope, message);
    // After the decoders, whose words say more.
    scope.constrain(type, message);
    return model;
  }
  return {
    // oxlint-disable-next-line require-yield -- it is done in one part
    *ofMessage(scope, message) {
      return whole(scope, message);
    },
    // oxlint-disable-next-line require-yield -- it is done in one part
    *ofBytes(scope, bytes) {
      const message = scope.read(type, bytes);
      return message === undefined ? undefined : whole(scope, message);
    },
  };
}

/** Makes a decoder of bytes from a message type and a decoder of messages. */
function decoder<M, T extends { readonly name: string }>(
  type: MessageType<M>,
  { ofMessage, ofBytes }: Decoding<M, T>,
): ResourceDecoder<M, T> {
  function resultOf(scope: Scope, model: T | undefined): Result<DecodedResource<T>> {
    const checked = scope.result(model);
    if (!checked.ok) return checked;
    return ok({
      model: checked.value as T,
      warmingTimeoutMs: scope.warmingTimeoutMs,
      sources: scope.sources,
      confidential: scope.confidential,
      unknownFields: scope.unknown.map((field) => `${field.typeName}#${field.number}`),
    });
  }
  function* messageParts(message: M, runtime?: Runtime): Parts<Result<DecodedResource<T>>> {
    const scope = Scope.root(runtime);
    return resultOf(scope, yield* ofMessage(scope, message));
  }
  function* bytesParts(
    bytes: Uint8Array,
    name?: string,
    runtime?: Runtime,
    before?: T,
  ): Parts<Result<DecodedResource<T>>> {
    const scope = Scope.root(runtime);
    const decoded = resultOf(scope, yield* ofBytes(scope, bytes, before));
    if (decoded.ok && name !== undefined && decoded.value.model.name !== name) {
      return problem(
        'name',
        `"${decoded.value.model.name}" is not the "${name}" that the resource came under`,
      );
    }
    return decoded;
  }
  return {
    type,
    fromMessage: (message, runtime) => wholly(messageParts(message, runtime)),
    fromBytes: (bytes, name, runtime) => wholly(bytesParts(bytes, name, runtime)),
    bytesParts,
  };
}

/** Turns a resource into its model, or says everything that is wrong with it. */
export interface ResourceDecoder<M, T> {
  readonly type: MessageType<M>;
  /** Shares and numbers with a key follow the runtime, where one is given. */
  fromMessage(message: M, runtime?: Runtime): Result<DecodedResource<T>>;
  /** `name` is the one under which the resource came; another one inside is a problem. */
  fromBytes(bytes: Uint8Array, name?: string, runtime?: Runtime): Result<DecodedResource<T>>;
  /** The same in parts; `before` is the model in force, of which parts may be taken over. */
  bytesParts(
    bytes: Uint8Array,
    name?: string,
    runtime?: Runtime,
    before?: T,
  ): Parts<Result<DecodedResource<T>>>;
}

export const clusterDecoder: ResourceDecoder<ClusterMessage, Cluster> = decoder(
  ClusterMessage,
  atOnce(ClusterMessage, decodeCluster),
);
export const endpointDecoder: ResourceDecoder<AssignmentMessage, ClusterLoadAssignment> = decoder(
  AssignmentMessage,
  atOnce(AssignmentMessage, (scope, message) => decodeAssignment(scope, message)),
);
export const listenerDecoder: ResourceDecoder<ListenerMessage, Listener> = decoder(
  ListenerMessage,
  atOnce(ListenerMessage, decodeListener),
);
export const routeDecoder: ResourceDecoder<RouteMessage, RouteConfiguration> = decoder(RouteMessage, {
  ofMessage: routeConfigurationParts,
  ofBytes: routeBytesParts,
});
export const secretDecoder: ResourceDecoder<SecretMessage, Secret> = decoder(
  SecretMessage,
  atOnce(SecretMessage, decodeSecret),
);
export const virtualHostDecoder: ResourceDecoder<VirtualHostMessage, VirtualHost> = decoder(
  VirtualHostMessage,
  atOnce(VirtualHostMessage, decodeVirtualHost),
);
export const extensionDecoder: ResourceDecoder<TypedExtensionConfig, ExtensionConfig> = decoder(
  TypedExtensionConfig,
  atOnce(TypedExtensionConfig, decodeExtension),
);
