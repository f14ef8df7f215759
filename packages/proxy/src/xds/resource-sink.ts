import { formatProblem, type Clock, type Logger } from '@lateen/core';
import {
  clusterDecoder,
  endpointDecoder,
  extensionDecoder,
  listenerDecoder,
  routeDecoder,
  secretDecoder,
  type DecodedResource,
  type ResourceDecoder,
} from '../decode/resource.ts';
import {
  referenceKey,
  type ConfigSource,
  type ReferenceSources,
  type ResourceKind,
  type RouteConfiguration,
} from '../model/index.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { inSlices } from '../timer/in-slices.ts';
import type { LastingKind } from './references.ts';
import type { ResourceStore } from './resource-store.ts';
import { resourceTypeFacts, type ResourceType } from './resource-type.ts';
import type { SubscriptionStatistics } from './subscription-statistics.ts';
import type { RefusedResource, ResourceSink, ResourceUpdate } from './subscription.ts';
import type { Decoded } from './waiting-set.ts';
import type { ConfigChange } from './config-change.ts';
import type { Warming } from './warming.ts';

/** Takes an update; answers what of it is refused, and why. */
export type Taker = (
  update: ResourceUpdate,
) => ReadonlyMap<string, string> | Promise<ReadonlyMap<string, string>>;

export interface ResourceSinkOptions {
  /** True for what the bootstrap defines; default: it defines nothing. */
  readonly isStatic?: (type: ResourceType, name: string) => boolean;
  readonly warming: Pick<Warming, 'apply' | 'warming' | 'wanted'>;
  readonly store: ResourceStore;
  /** Says why what a resource refers to, as `secrets/NAME`, cannot be had from its source; undefined: it can. */
  readonly problemOf?: (reference: string, source: ConfigSource) => string | undefined;
  readonly statistics: Pick<SubscriptionStatistics, 'taken'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Kinds that the data plane does not take: each update, to be answered with what is refused and why. */
  readonly others?: Readonly<Partial<Record<ResourceType, Taker>>>;
  readonly runtime?: Runtime;
  /** The route table of a name that is in force: what has not changed of it is not decoded again. */
  readonly routesInForce?: (name: string) => RouteConfiguration | undefined;
  /** Adds to a route table what comes by other ways; `source` is where its virtual hosts come from. */
  readonly completeRoutes?: (
    table: RouteConfiguration,
    source: ConfigSource | undefined,
  ) => RouteConfiguration;
  /** Told the clusters that have come and are good, before they are taken. */
  readonly onClustersCame?: (names: readonly string[]) => void;
  /** Told the clusters that a control plane says do not exist. */
  readonly onClustersMissing?: (names: readonly string[]) => void;
}

/** The data plane's word for each kind that it takes. */
const kindOf: Readonly<Partial<Record<ResourceType, ResourceKind>>> = {
  cluster: 'clusters',
  endpoint: 'endpoints',
  listener: 'listeners',
  route: 'routes',
  secret: 'secrets',
  extensionConfig: 'extensions',
};

const lasting: Readonly<Partial<Record<ResourceType, LastingKind>>> = {
  endpoint: 'endpoints',
  route: 'routes',
  secret: 'secrets',
};

const decoders: Readonly<Partial<Record<ResourceType, ResourceDecoder<unknown, { readonly name: string }>>>> =
  {
    cluster: clusterDecoder,
    endpoint: endpointDecoder,
    listener: listenerDecoder,
    route: routeDecoder,
    secret: secretDecoder,
    extensionConfig: extensionDecoder,
  };

/** Takes responses of control planes: decodes each resource by itself, and hands over those that are good. */
export function resourceSink(options: ResourceSinkOptions): ResourceSink {
  const { warming, store, clock, log } = options;
  const last = new Map<ResourceType, Promise<unknown>>();
  return {
    // Those of a type one after another: a large one that is still being decoded must not win over a later one.
    update(update) {
      const done = (last.get(update.type) ?? Promise.resolve()).then(() =>
        take(withOwnBytes(withoutStatics(update))),
      );
      last.set(
        update.type,
        done.catch(() => undefined),
      );
      return done;
    },
  };

  async function take(update: ResourceUpdate): Promise<readonly RefusedResource[]> {
    const { type } = update;
    const kind = kindOf[type];
    const decoder = decoders[type];
    const other = options.others?.[type];
    if (other !== undefined) return settle(update, await other(update), new Set());
    if (kind === undefined || decoder === undefined) return [];
    const { shortName } = resourceTypeFacts[type];
    const { changed, removed } = update;
    log.info(`${shortName.toLowerCase()}: add/update ${changed.length} ${kind}, remove ${removed.length}`, {
      version: update.version === '' ? undefined : update.version,
    });

    const refused = new Map<string, string>();
    const confidential = new Set<string>();
    const good: Decoded<{ readonly name: string }>[] = [];
    const repeated = type === 'cluster' || type === 'listener' ? repeatedNames(changed) : undefined;
    for (const resource of changed) {
      if (repeated?.has(resource.name) === true) {
        refused.set(resource.name, `duplicate ${type} ${resource.name} found`);
        continue;
      }
      const before = type === 'route' ? options.routesInForce?.(resource.name) : undefined;
      const parts = decoder.bytesParts(resource.bytes, resource.name, options.runtime, before);
      const decoded = await inSlices(parts, clock);
      const problem = decoded.ok ? sourceProblem(decoded.value.sources) : undefined;
      if (decoded.ok && problem === undefined) {
        good.push(decoded.value);
        if (decoded.value.confidential) confidential.add(resource.name);
        if (decoded.value.unknownFields.length > 0) {
          log.debug(`${resource.name} has fields that are not known`, {
            fields: decoded.value.unknownFields.join(','),
          });
        }
      } else if (!decoded.ok) refused.set(resource.name, decoded.problems.map(formatProblem).join('; '));
      else refused.set(resource.name, problem as string);
    }
    if (type === 'cluster' && good.length > 0) options.onClustersCame?.(good.map(({ model }) => model.name));
    if (type === 'cluster' && removed.length > 0) options.onClustersMissing?.(removed);
    const results = await warming.apply({
      // Completed only now: hosts may have come on demand while this was decoded.
      ...changeOf(
        kind,
        type === 'route' ? good.map((one) => completed(one as DecodedResource<RouteConfiguration>)) : good,
        removed,
      ),
      ...(update.origin === 'kept' ? { isKept: true } : {}),
    });
    for (const result of results) {
      if (result.kind === kind) refused.set(result.name, result.problems.map(formatProblem).join('; '));
    }
    return settle(update, refused, confidential);
  }

  /** As Envoy: what the bootstrap defines is neither changed nor removed by others, the way to the control plane least of all. */
  function withoutStatics(update: ResourceUpdate): ResourceUpdate {
    const { type } = update;
    const isOthers = (name: string): boolean => {
      if (options.isStatic?.(type, name) !== true) return true;
      log.debug(`${type} ${name} is left as the bootstrap defines it`);
      return false;
    };
    return {
      ...update,
      changed: update.changed.filter(({ name }) => isOthers(name)),
      removed: update.removed.filter(isOthers),
    };
  }

  /** True for what stays in force as something refers to it. */
  function outlastsRemoval(type: ResourceType, name: string): boolean {
    const kind = lasting[type];
    return kind !== undefined && warming.wanted(kind).has(name);
  }

  function isWarming(type: ResourceType, name: string): boolean {
    if (type !== 'cluster' && type !== 'listener') return false;
    const { clusters, listeners } = warming.warming;
    return (type === 'cluster' ? clusters : listeners).includes(name);
  }

  function completed(decoded: DecodedResource<RouteConfiguration>): DecodedResource<RouteConfiguration> {
    const { model, sources } = decoded;
    const source = sources.get(referenceKey('virtualHosts', model.name));
    return { ...decoded, model: options.completeRoutes?.(model, source) ?? model };
  }

  function sourceProblem(sources: ReferenceSources): string | undefined {
    for (const [reference, source] of sources) {
      const problem = options.problemOf?.(reference, source);
      if (problem !== undefined) return `the source of ${reference}: ${problem}`;
    }
    return undefined;
  }

  function settle(
    update: ResourceUpdate,
    refused: ReadonlyMap<string, string>,
    confidential: ReadonlySet<string>,
  ): readonly RefusedResource[] {
    remember(update, refused, confidential);
    options.statistics.taken(update, refused, clock.now());
    return [...refused].map(([name, reason]): RefusedResource => ({ name, reason }));
  }

  function remember(
    update: ResourceUpdate,
    refused: ReadonlyMap<string, string>,
    confidential: ReadonlySet<string>,
  ): void {
    const nowMs = clock.now();
    const { type } = update;
    store.noteVersion(type, update.version);
    for (const resource of update.changed) {
      const reason = refused.get(resource.name);
      // Files are there at the next start too; what has a time to live is not to outlive the connection.
      const lasts = update.origin !== 'file' && resource.ttlMs === undefined;
      const kept = !lasts ? undefined : confidential.has(resource.name) ? 'memory' : 'disk';
      if (reason === undefined) store.accept(type, resource, nowMs, kept, isWarming(type, resource.name));
      else {
        store.refuse(type, resource, reason, nowMs);
        log.warn(`${resourceTypeFacts[type].shortName} ${resource.name} refused`, { reason });
      }
    }
    for (const name of update.removed) if (!outlastsRemoval(type, name)) store.remove(type, name);
  }
}

/** Names that several resources of one response have: none of them is taken, since nobody knows which is meant. */
function repeatedNames(resources: readonly { readonly name: string }[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { name } of resources) {
    if (seen.has(name)) repeated.add(name);
    seen.add(name);
  }
  return repeated;
}

/** The update with copies of its resources: models and the store keep their bytes, which are views of the whole response. */
function withOwnBytes(update: ResourceUpdate): ResourceUpdate {
  return { ...update, changed: update.changed.map((one) => ({ ...one, bytes: one.bytes.slice() })) };
}

function changeOf(
  kind: ResourceKind,
  good: readonly Decoded<{ readonly name: string }>[],
  remove: readonly string[],
): ConfigChange {
  const waits = kind === 'clusters' || kind === 'listeners';
  const set = waits ? good : good.map((decoded) => decoded.model);
  return { [kind]: { set, remove } };
}
