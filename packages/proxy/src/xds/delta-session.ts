import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  Resource,
} from '@lateen/protocol/envoy/service/discovery/v3';
import { resourceTypeFacts, resourceTypeOf, type ResourceType } from './resource-type.ts';
import { heartbeatOf } from './wrapped-resource.ts';
import { refusedCode, type Session, type SessionOptions } from './session.ts';
import type { RawResource, Subscription } from './subscription.ts';

/** Incremental xDS (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, "Incremental xDS"). */
export function deltaSession(
  options: SessionOptions<DeltaDiscoveryRequest>,
): Session<DeltaDiscoveryResponse> {
  const { subscriptions, sink, log } = options;
  /** The names that the server knows we want, by kind; a kind that is missing was never asked for. */
  const asked = new Map<ResourceType, ReadonlySet<string>>();
  let first = true;

  function send(request: DeltaDiscoveryRequest): void {
    options.send(first ? { node: options.node, ...request } : request);
    first = false;
  }

  function ask(subscription: Subscription): void {
    const { type, wanted, wildcard, versions } = subscription;
    const typeUrl = resourceTypeFacts[type].typeUrl;
    const before = asked.get(type);
    if (before === undefined) {
      if (!subscription.active) return;
      asked.set(type, wanted);
      // A server may have sent what nobody has asked for: it is not asked to go on with it.
      const kept = [...versions].filter(([name]) => wildcard || wanted.has(name));
      send({
        typeUrl,
        // A first request without names is one for all there are.
        ...(wildcard && wanted.size === 0
          ? {}
          : { resourceNamesSubscribe: wildcard ? ['*', ...wanted] : [...wanted] }),
        ...(kept.length === 0 ? {} : { initialResourceVersions: Object.fromEntries(kept) }),
      });
      return;
    }
    const added = [...wanted].filter((name) => !before.has(name));
    const dropped = [...before].filter((name) => !wanted.has(name));
    if (added.length === 0 && dropped.length === 0) return;
    asked.set(type, wanted);
    send({
      typeUrl,
      ...(added.length === 0 ? {} : { resourceNamesSubscribe: added }),
      ...(dropped.length === 0 ? {} : { resourceNamesUnsubscribe: dropped }),
    });
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
      const { typeUrl = '', nonce = '' } = response;
      const type = resourceTypeOf(typeUrl);
      const subscription = type === undefined ? undefined : subscriptions.get(type);
      // As Envoy, what was not asked for is not answered: an answer would be a request for all there are.
      if (type === undefined || subscription === undefined || !asked.has(type)) {
        log.warn('response of a type that was not asked for', { type: typeUrl });
        return;
      }
      const wrong = problemOf(response);
      if (wrong !== undefined) {
        log.warn('a response is refused', { type: typeUrl, reason: wrong });
        send({ typeUrl, responseNonce: nonce, errorDetail: { code: refusedCode, message: wrong } });
        return;
      }
      const version = response.systemVersionInfo ?? '';
      subscription.prolong((response.resources ?? []).flatMap(heartbeatOf), sink);
      const refusal = await subscription.take(
        {
          type,
          version,
          changed: (response.resources ?? []).flatMap((resource) => rawOf(resource, typeUrl)),
          removed: [
            ...(response.removedResources ?? []),
            ...(type === 'virtualHost' ? (response.resources ?? []).flatMap(absentOf) : []),
          ],
        },
        sink,
      );
      send({
        typeUrl,
        responseNonce: nonce,
        ...(refusal === undefined ? {} : { errorDetail: { code: refusedCode, message: refusal } }),
      });
    },
  };
}

/** Why nothing of a response can be taken, as with Envoy; undefined: each resource is looked at by itself. */
function problemOf({
  typeUrl = '',
  resources = [],
  removedResources = [],
}: DeltaDiscoveryResponse): string | undefined {
  const names = new Set<string>();
  for (const name of [...resources.map((one) => one.name ?? ''), ...removedResources]) {
    if (names.has(name)) return `duplicate name ${name} found among added, updated and removed resources`;
    names.add(name);
  }
  for (const { name = '', resource } of resources) {
    const own = resource?.typeUrl ?? '';
    if (own !== '' && own !== typeUrl) return `${name} is a ${own} in a response of ${typeUrl}`;
  }
  return undefined;
}

function rawOf(resource: Resource, typeUrl: string): RawResource[] {
  if (resource.resource === undefined) return [];
  return [
    {
      name: resource.name ?? '',
      version: resource.version ?? '',
      typeUrl: resource.resource.typeUrl === '' ? typeUrl : resource.resource.typeUrl,
      bytes: resource.resource.value,
      ...(resource.ttl === undefined ? {} : { ttlMs: resource.ttl }),
      ...(resource.aliases === undefined ? {} : { aliases: resource.aliases }),
    },
  ];
}

/** Of virtual hosts, one without a body says that what was asked for by these names does not exist. */
function absentOf({ name = '', aliases = [], resource }: Resource): readonly string[] {
  return resource === undefined ? [name, ...aliases] : [];
}
