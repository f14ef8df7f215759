import { encode } from '@lateen/protocol';
import { DeltaDiscoveryResponse, DiscoveryResponse } from '@lateen/protocol/envoy/service/discovery/v3';
import type { EncodedResource } from '../translate/resource.ts';

/**
 * Responses made of parts that are encoded once.
 *
 * A protobuf message is the concatenation of its fields, so a response is a small head and the ready
 * bytes of each resource; the same bytes go to every proxy.
 */
export interface ResponseFrames {
  delta(
    head: { readonly typeUrl: string; readonly nonce: string; readonly version: string },
    resources: readonly EncodedResource[],
    removed: readonly string[],
  ): Uint8Array[];
  stateOfTheWorld(
    head: { readonly typeUrl: string; readonly nonce: string; readonly version: string },
    resources: readonly EncodedResource[],
  ): Uint8Array[];
}

/** Makes responses in the name of a control plane; remembers the bytes of resources while those live. */
export function responseFrames(controlPlane: string): ResponseFrames {
  const deltaParts = new WeakMap<EncodedResource, Uint8Array>();
  const worldParts = new WeakMap<EncodedResource, Uint8Array>();
  const remembered = (
    cache: WeakMap<EncodedResource, Uint8Array>,
    resource: EncodedResource,
    make: () => Uint8Array,
  ): Uint8Array => {
    let bytes = cache.get(resource);
    if (bytes === undefined) cache.set(resource, (bytes = make()));
    return bytes;
  };
  const anyOf = ({ typeUrl, value }: EncodedResource) => ({ typeUrl, value });
  return {
    delta: ({ typeUrl, nonce, version }, resources, removed) => [
      encode(DeltaDiscoveryResponse, {
        systemVersionInfo: version,
        typeUrl,
        nonce,
        removedResources: removed,
        controlPlane: { identifier: controlPlane },
      }),
      ...resources.map((resource) =>
        remembered(deltaParts, resource, () =>
          encode(DeltaDiscoveryResponse, {
            resources: [{ name: resource.name, version: resource.version, resource: anyOf(resource) }],
          }),
        ),
      ),
    ],
    stateOfTheWorld: ({ typeUrl, nonce, version }, resources) => [
      encode(DiscoveryResponse, {
        versionInfo: version,
        typeUrl,
        nonce,
        controlPlane: { identifier: controlPlane },
      }),
      ...resources.map((resource) =>
        remembered(worldParts, resource, () => encode(DiscoveryResponse, { resources: [anyOf(resource)] })),
      ),
    ],
  };
}
