import { decode, type Any } from '@lateen/protocol';
import { Resource } from '@lateen/protocol/envoy/service/discovery/v3';
import type { Heartbeat, RawResource } from './subscription.ts';

/** The resources of a state-of-the-world response. */
export interface UnpackedResources {
  readonly changed: readonly RawResource[];
  readonly heartbeats: readonly Heartbeat[];
  /** What is no resource of the kind, in words. */
  readonly unreadable: readonly string[];
}

/** A resource without a body is a sign of life for one with a time to live: nothing changes. */
export function heartbeatOf(resource: Resource): readonly Heartbeat[] {
  if (resource.resource !== undefined) return [];
  const { name = '', version = '', ttl } = resource;
  return [{ name, version, ...(ttl === undefined ? {} : { ttlMs: ttl }) }];
}

/**
 * Reads resources that come bare, or wrapped in an `envoy.service.discovery.v3.Resource` with a time to live
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, "TTL").
 *
 * `nameIn` reads the name inside a resource; undefined where its bytes cannot be read.
 */
export function unpackResources(
  list: readonly Any[],
  version: string,
  typeUrl: string,
  nameIn: (bytes: Uint8Array) => string | undefined,
): UnpackedResources {
  const changed: RawResource[] = [];
  const heartbeats: Heartbeat[] = [];
  const unreadable: string[] = [];
  for (const [index, any] of list.entries()) {
    const wrapper = any.typeUrl === Resource.typeUrl ? decode(Resource, any.value) : undefined;
    if (wrapper?.ok === true && wrapper.value.resource === undefined) {
      // Of a whole state all resources have the version of the response.
      heartbeats.push(...heartbeatOf(wrapper.value).map((beat) => ({ ...beat, version })));
      continue;
    }
    const body = wrapper?.ok === true ? (wrapper.value.resource as Any) : any;
    const ttlMs = wrapper?.ok === true ? wrapper.value.ttl : undefined;
    const name = body.typeUrl === typeUrl ? nameIn(body.value) : undefined;
    if (name === undefined) {
      unreadable.push(`resources[${index}]: not a readable ${typeUrl} but ${body.typeUrl}`);
      continue;
    }
    changed.push({ name, version, typeUrl, bytes: body.value, ...(ttlMs === undefined ? {} : { ttlMs }) });
  }
  return { changed, heartbeats, unreadable };
}

/** The names that a response says are there. */
export function namesIn(response: Pick<UnpackedResources, 'changed' | 'heartbeats'>): ReadonlySet<string> {
  return new Set([...response.changed, ...response.heartbeats].map(({ name }) => name));
}
