import { withoutPort } from '../../decide/domain-match.ts';
import type { Downstream } from '../../cluster/connector.ts';
import type { Host } from '../../cluster/host.ts';
import type { HostOverride } from '../../cluster/host-override.ts';
import type { HostRequest } from '../../cluster/host-request.ts';
import type { UpstreamCluster } from '../../cluster/upstream-cluster.ts';
import type { HeaderName } from '../../codec/header-name.ts';
import type { SubsetCriteria } from '../../decide/subset-criteria.ts';
import type { AlpnOverride } from '../../model/alpn-override.ts';
import { formatAddress, type SocketAddress } from '../../model/address.ts';
import type { Metadata } from '../../model/metadata.ts';
import type { HashSource } from '../../route/hash-policy.ts';
import type { ClusterTarget, CompiledForward } from '../../route/route-action.ts';
import type { CompiledVirtualCluster } from '../../route/virtual-cluster.ts';
import { flag } from '../../telemetry/response-flags.ts';
import type { Countdown, Expirable } from '../../timer/coarse-timers.ts';
import type { Retries } from './retries.ts';
import type { RouterOwner } from './router-owner.ts';

/** Which endpoint a request goes to: what balancers ask of it, and which hosts its further tries pass over. */
export abstract class HostChoice implements Expirable, HostRequest, HashSource {
  countdown: Countdown | undefined = undefined;
  protected readonly owner: RouterOwner;
  protected readonly action: CompiledForward;
  /** Undefined where a failed try is final. */
  protected retries: Retries | undefined;
  target: ClusterTarget | undefined;
  /** What the virtual host counts the request as; undefined where it counts none. */
  virtualCluster: CompiledVirtualCluster | undefined;
  /** The one that serves the attempt under way: of an aggregate cluster one of its members. */
  protected cluster: UpstreamCluster | undefined;
  /** How often a host was chosen that is to be passed over, for the attempt under way. */
  selection = 0;
  /** Cookies by which clients come back to their endpoint. */
  protected cookies: string[] | undefined;
  /** False for further tries: they may go anywhere. */
  #isFirst = true;
  #hash: { readonly value: bigint | undefined } | undefined;

  constructor(owner: RouterOwner, action: CompiledForward) {
    this.owner = owner;
    this.action = action;
  }

  abstract onExpire(): void;

  // HostRequest

  get avoidPriorities(): ReadonlySet<number> | undefined {
    return this.retries?.avoidPriorities;
  }

  get downstream(): Downstream {
    const { connection, upstreamSource: source } = this.owner;
    if (source === undefined) return connection;
    const { id, remote, local, tlvs } = connection;
    return { id, remote, local, tlvs, source };
  }

  get alpn(): AlpnOverride | undefined {
    return this.owner.manager.alpn;
  }

  /** After the route has rewritten it, as Envoy. */
  get serverName(): string {
    return withoutPort(this.owner.head.authority);
  }

  get originalDestination(): SocketAddress | undefined {
    return this.owner.connection.originalDestination;
  }

  get dynamicMetadata(): Metadata | undefined {
    return this.owner.dynamicMetadata;
  }

  headerValue(name: HeaderName): string | undefined {
    return this.owner.head.headers.get(name);
  }

  get override(): HostOverride | undefined {
    return this.#isFirst ? this.owner.hostOverride : undefined;
  }

  get subset(): SubsetCriteria | undefined {
    return this.target?.subset;
  }

  hash(): bigint | undefined {
    const { hash } = this.action;
    if (hash === undefined) return undefined;
    const known = (this.#hash ??= { value: hash(this.owner.head, this) });
    return known.value;
  }

  // HashSource

  get clientIp(): string {
    return this.owner.downstreamRemote?.address ?? this.owner.connection.remote.address;
  }

  get connectionKey(): string {
    const { remote, local } = this.owner.connection;
    return formatAddress(remote) + formatAddress(local);
  }

  addCookie(line: string): void {
    (this.cookies ??= []).push(line);
  }

  /** The cluster of the request; undefined where there is none, or it takes no request: {@link refuse} answers then. */
  protected chooseCluster(): ClusterTarget | undefined {
    const { owner, action } = this;
    const target = action.only ?? action.choose(owner.head, owner.draw);
    const cluster = target?.ref.cluster;
    this.target = target;
    this.cluster = cluster;
    return cluster === undefined || cluster.shedsRequest() ? undefined : target;
  }

  /** Answers a request that no cluster takes. */
  protected refuse(): void {
    const { owner, action, cluster } = this;
    if (cluster === undefined) {
      owner.manager.stats.n.noCluster++;
      owner.addFlag(flag.noClusterFound);
      owner.reply(action.model.clusterNotFoundStatus, '', 'cluster_not_found');
      return;
    }
    cluster.stats.n.upstreamRqDropOverload++;
    owner.addFlag(flag.dropOverload);
    cluster.stats.countStatus(503);
    this.virtualCluster?.stats.countStatus(503);
    owner.reply(503, 'drop overload', 'drop_overload', { headers: [['x-envoy-drop-overload', 'true']] });
  }

  /** The host of the next attempt; undefined where there is none. */
  protected chooseHost(): Host | undefined {
    this.selection = 0;
    let host = this.#chooseAny();
    this.#isFirst = false;
    const { retries } = this;
    if (retries === undefined || !retries.passesOverHosts) return host;
    const most = retries.policy.model.hostSelectionMaxAttempts;
    for (let i = 0; i < most && host !== undefined && retries.passesOver(host); i++) {
      this.selection++;
      host = this.#chooseAny();
    }
    return host;
  }

  #chooseAny(): Host | undefined {
    const entry = this.target?.ref.cluster ?? this.cluster;
    if (entry === undefined) return undefined;
    if (!entry.isAggregate) {
      this.cluster = entry;
      return entry.chooseHost(this);
    }
    const serving = entry.servingCluster(this.owner.manager.random());
    this.cluster = serving?.cluster ?? entry;
    return serving?.cluster.chooseHost(this, serving.priority);
  }
}
