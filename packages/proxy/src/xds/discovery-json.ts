import { formatProblem, type Problem } from '@lateen/core';
import { fromJson } from '@lateen/protocol';
import { DiscoveryResponse } from '@lateen/protocol/envoy/service/discovery/v3';
import { knownTypes } from '../decode/known-types.ts';
import { resourceNameIn } from './resource-name.ts';
import { resourceTypeFacts, type ResourceType } from './resource-type.ts';
import { unpackResources, type UnpackedResources } from './wrapped-resource.ts';

/** The resources of a response in JSON: of a file, or fetched over REST. */
export interface JsonResponse extends Pick<UnpackedResources, 'changed' | 'heartbeats'> {
  readonly version: string;
}

/** Reads a response from plain JSON values; a text says why it is refused. `locate` may add places to problems. */
export function readDiscoveryJson(
  json: unknown,
  type: ResourceType,
  locate: (problems: readonly Problem[]) => readonly Problem[] = (problems) => problems,
): JsonResponse | string {
  const response = fromJson(DiscoveryResponse, json, { registry: knownTypes });
  if (!response.ok) return locate(response.problems).map(formatProblem).join('; ');
  const { typeUrl } = resourceTypeFacts[type];
  const version = response.value.versionInfo ?? '';
  const { changed, heartbeats, unreadable } = unpackResources(
    response.value.resources ?? [],
    version,
    typeUrl,
    (bytes) => resourceNameIn(type, bytes),
  );
  return unreadable.length > 0 ? unreadable.join('; ') : { version, changed, heartbeats };
}
