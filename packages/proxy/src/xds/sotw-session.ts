import type { DiscoveryRequest, DiscoveryResponse } from '@lateen/protocol/envoy/service/discovery/v3';
import { resourceTypeFacts, resourceTypeOf, type ResourceType } from './resource-type.ts';
import { refusedCode, type Session, type SessionOptions } from './session.ts';
import type { Subscription } from './subscription.ts';
import { namesIn, unpackResources } from './wrapped-resource.ts';

export interface SotwSessionOptions extends SessionOptions<DiscoveryRequest> {
  /** The name of a resource that came without one beside it; undefined where it cannot be read. */
  nameOf(type: ResourceType, bytes: Uint8Array): string | undefined;
}

/** State-of-the-world xDS (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol). */
export function sotwSession(options: SotwSessionOptions): Session<DiscoveryResponse> {
  const { subscriptions, sink, log } = options;
  /** What the server knows of each kind: the names, and the nonce of its last response. */
  const asked = new Map<ResourceType, { names: ReadonlySet<string>; nonce: string }>();
  let first = true;

  function send(request: DiscoveryRequest): void {
    options.send(first ? { node: options.node, ...request } : request);
    first = false;
  }

  function request(subscription: Subscription, nonce: string, refusal?: string): void {
    const { type, wanted, wildcard, acceptedVersion } = subscription;
    asked.set(type, { names: wanted, nonce });
    send({
      typeUrl: resourceTypeFacts[type].typeUrl,
      versionInfo: acceptedVersion,
      responseNonce: nonce,
      ...(wildcard && wanted.size === 0 ? {} : { resourceNames: wildcard ? ['*', ...wanted] : [...wanted] }),
      ...(refusal === undefined ? {} : { errorDetail: { code: refusedCode, message: refusal } }),
    });
  }

  function ask(subscription: Subscription): void {
    const before = asked.get(subscription.type);
    if (before === undefined) {
      if (subscription.active) request(subscription, '');
    } else if (!sameNames(before.names, subscription.wanted)) {
      request(subscription, before.nonce);
    }
  }

  return {
    start() {
      for (const subscription of subscriptions.values()) ask(subscription);
    },
    subscriptionChanged(type) {
      const subscription = subscriptions.get(type);
      if (subscription !== undefined) ask(subscription);
    },
    async receive(response) {
      const { typeUrl = '', nonce = '', versionInfo = '' } = response;
      const type = resourceTypeOf(typeUrl);
      const subscription = type === undefined ? undefined : subscriptions.get(type);
      if (type === undefined || subscription === undefined) {
        log.warn('response of a type that was not asked for', { type: typeUrl });
        return;
      }
      if (!subscription.active) {
        // An answer without names would be a request for all there are; what is asked next refers to this one.
        const before = asked.get(type);
        if (before !== undefined) asked.set(type, { ...before, nonce });
        log.debug('response of a type of which nothing is wanted', { type: typeUrl });
        return;
      }
      const unpacked = unpackResources(response.resources ?? [], versionInfo, typeUrl, (bytes) =>
        options.nameOf(type, bytes),
      );
      const { changed, heartbeats, unreadable: unnamed } = unpacked;
      subscription.prolong(heartbeats, sink);
      // Only of listeners and clusters does a response hold all there are.
      const present = namesIn(unpacked);
      const removed =
        subscription.wildcard && unnamed.length === 0
          ? [...subscription.versions.keys()].filter((name) => !present.has(name))
          : [];
      const before = subscription.acceptedVersion;
      const refusal = await subscription.take({ type, version: versionInfo, changed, removed }, sink);
      if (unnamed.length > 0) subscription.acceptedVersion = before;
      const reasons = [...unnamed, ...(refusal === undefined ? [] : [refusal])];
      request(subscription, nonce, reasons.length === 0 ? undefined : reasons.join('\n'));
    },
  };
}

function sameNames(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a.size !== b.size) return false;
  for (const name of a) if (!b.has(name)) return false;
  return true;
}
