import { formatProblem, type Problem } from '@lateen/core';
import { fromJson } from '@lateen/protocol';
import { DiscoveryResponse } from '@lateen/protocol/envoy/service/discovery/v3';
import { knownTypes } from '../decode/known-types.ts';
import { resourceNameIn } from './resource-name.ts';
import { resourceTypeFacts, type ResourceType } from './resource-type.ts';
import type { RawResource } from './subscription.ts';

/** The resources of a response in JSON: of a file, or fetched over REST. */
export interface JsonResponse {
  readonly version: string;
  readonly resources: readonly RawResource[];
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
  const resources: RawResource[] = [];
  for (const [i, any] of (response.value.resources ?? []).entries()) {
    if (any.typeUrl !== typeUrl) return `resources[${i}]: is a ${any.typeUrl}, not a ${typeUrl}`;
    const name = resourceNameIn(type, any.value);
    if (name === undefined) return `resources[${i}]: cannot be read`;
    resources.push({ name, version, typeUrl, bytes: any.value });
  }
  return { version, resources };
}
