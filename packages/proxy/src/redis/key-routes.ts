import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { Host } from '../cluster/host.ts';
import type { HostRequest } from '../cluster/host-request.ts';
import type { UpstreamCluster } from '../cluster/upstream-cluster.ts';
import type { RedisProxy, RedisReadPolicy, RedisRoute } from '../model/redis.ts';
import type { Fraction } from '../model/string-match.ts';
import { keyHash, slotOf } from './key-hash.ts';

export interface CompiledMirror {
  readonly ref: ClusterRef;
  readonly fraction: Fraction | undefined;
  readonly excludeReads: boolean;
}

/** Where keys of a prefix are, with what is looked up at a request. */
export interface CompiledRoute {
  readonly prefix: string;
  readonly removePrefix: boolean;
  readonly ref: ClusterRef;
  readonly readRef: ClusterRef | undefined;
  readonly mirrors: readonly CompiledMirror[];
}

/** A key with its route, as the endpoint is to see it. */
export interface RoutedKey {
  readonly key: Buffer;
  readonly route: CompiledRoute;
}

/** Which endpoint has a key. */
export class KeyRoutes {
  /** The longest prefix first. */
  readonly #routes: readonly CompiledRoute[];
  readonly #catchAll: CompiledRoute | undefined;
  readonly #ignoreCase: boolean;
  readonly #hashTags: boolean;
  readonly #readPolicy: RedisReadPolicy;
  readonly #random: () => number;

  constructor(
    { routes, catchAll, ignoreCase, hashTags, readPolicy }: RedisProxy,
    clusterRef: (name: string) => ClusterRef,
    random: () => number,
  ) {
    const compile = (route: RedisRoute): CompiledRoute => ({
      // Keys are bytes; the prefix is its text's.
      prefix: fold(Buffer.from(route.prefix).toString('latin1'), ignoreCase),
      removePrefix: route.removePrefix,
      ref: clusterRef(route.cluster),
      readRef: route.readCluster === undefined ? undefined : clusterRef(route.readCluster),
      mirrors: route.mirrors.map(({ cluster, fraction, excludeReads }) => ({
        ref: clusterRef(cluster),
        fraction,
        excludeReads,
      })),
    });
    this.#routes = routes.map(compile).sort((a, b) => b.prefix.length - a.prefix.length);
    this.#catchAll = catchAll === undefined ? undefined : compile(catchAll);
    this.#ignoreCase = ignoreCase;
    this.#hashTags = hashTags;
    this.#readPolicy = readPolicy;
    this.#random = random;
  }

  /** Every cluster that keys are in. */
  get clusters(): readonly ClusterRef[] {
    const all = [...this.#routes, ...(this.#catchAll === undefined ? [] : [this.#catchAll])];
    return [...new Set(all.map(({ ref }) => ref))];
  }

  /** Undefined where no route has the key. */
  find(key: Buffer): RoutedKey | undefined {
    const route = this.#routes.length === 0 ? this.#catchAll : (this.#byPrefix(key) ?? this.#catchAll);
    if (route === undefined) return undefined;
    const cut = route.removePrefix ? route.prefix.length : 0;
    return { key: cut === 0 ? key : key.subarray(cut), route };
  }

  /** The endpoint of a key in a cluster; undefined where it has none. */
  hostOf(
    { key }: RoutedKey,
    ref: ClusterRef,
    reads: boolean,
  ): { readonly cluster: UpstreamCluster; readonly host: Host } | undefined {
    const serving = ref.cluster?.servingCluster(this.#random());
    if (serving === undefined) return undefined;
    const isSlotted = serving.cluster.model.discovery.kind === 'redis';
    const hash = isSlotted ? undefined : keyHash(key, this.#hashTags);
    const request: HostRequest = {
      hash: () => hash,
      selection: 0,
      originalDestination: undefined,
      subset: undefined,
      redis: isSlotted ? { slot: slotOf(key), policy: reads ? this.#readPolicy : 'primary' } : undefined,
    };
    const host = serving.cluster.chooseHost(request, serving.priority);
    return host === undefined ? undefined : { cluster: serving.cluster, host };
  }

  #byPrefix(key: Buffer): CompiledRoute | undefined {
    const longest = this.#routes[0]?.prefix.length ?? 0;
    const text = fold(key.toString('latin1', 0, longest), this.#ignoreCase);
    return this.#routes.find(({ prefix }) => text.startsWith(prefix));
  }
}

function fold(text: string, ignoreCase: boolean): string {
  return ignoreCase ? text.toLowerCase() : text;
}
