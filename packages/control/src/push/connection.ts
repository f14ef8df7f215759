import { type Clock, type Logger } from '@lateen/core';
import { xdsKindOf, xdsShortName, xdsTypes } from '@lateen/protocol/ads';
import type { DeltaDiscoveryRequest, DiscoveryRequest } from '@lateen/protocol/envoy/service/discovery/v3';
import type { Proxy } from '../model/proxy.ts';
import type { EncodedResource } from '../translate/resource.ts';
import type { ResponseFrames } from './frames.ts';
import { Subscription } from './subscription.ts';
import { isListed, pushedKinds, type PushedKind, type SetMember } from './resource-set.ts';
import type { ViewResources } from './view-resources.ts';

/** The sending side of a proxy's stream. */
export interface ResponseSink {
  /** False where the proxy reads more slowly than we write. */
  sendEncoded(parts: readonly Uint8Array[]): boolean;
  drained(): Promise<void>;
}

/** What happens on a connection that others count. */
export interface ConnectionEvents {
  onSent(kind: PushedKind, resources: number, bytes: number): void;
  /** `convergedMs` is the time from sending to the answer. */
  onAccepted(kind: PushedKind, convergedMs: number): void;
  onRejected(kind: PushedKind, reason: string): void;
}

export interface ConnectionOptions {
  /** Unique among all connections. */
  readonly id: string;
  readonly proxy: Proxy;
  readonly mode: 'delta' | 'stateOfTheWorld';
  /** True where the proxy has proved who it is: only then it is told private keys. */
  readonly authenticated: boolean;
  readonly sink: ResponseSink;
  readonly frames: ResponseFrames;
  readonly resources: ViewResources;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: ConnectionEvents;
  /** Version of the mesh state, for people who read responses. */
  readonly version: () => string;
}

/**
 * One proxy's stream: what it asked for, what it has, and what is to be sent next.
 *
 * At most one response of a kind is on its way. Changes that come meanwhile are gathered, so that a
 * slow proxy gets the latest and not the history. Kinds go out in order (clusters before what refers to
 * them), and clusters are taken away after the rest.
 */
export class Connection implements SetMember {
  readonly id: string;
  readonly proxy: Proxy;
  readonly mode: 'delta' | 'stateOfTheWorld';
  readonly connectedMs: number;
  readonly subscriptions = new Map<PushedKind, Subscription>();
  readonly #options: ConnectionOptions;
  #resources: ViewResources;
  #nonce = 0;
  /** True while the stream does not take more. */
  #blocked = false;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.id = options.id;
    this.proxy = options.proxy;
    this.mode = options.mode;
    this.connectedMs = options.clock.now();
    this.#resources = options.resources;
    options.resources.join(this);
  }

  get resources(): ViewResources {
    return this.#resources;
  }

  /** Takes another view: everything may be different. */
  moveTo(resources: ViewResources): void {
    const old = this.#resources;
    this.#resources = resources;
    old.leave(this);
    resources.join(this);
    for (const [kind, subscription] of this.subscriptions) {
      // The new are watched before the old are let go, so that what both have is not made again.
      for (const name of subscription.names) resources.retain(kind, name);
      for (const name of subscription.names) old.release(kind, name);
      if (subscription.wildcard && isListed(kind)) {
        for (const { name } of resources.all(kind)) subscription.pending.add(name);
      }
      for (const name of subscription.sent.keys()) subscription.pending.add(name);
      // What was not there before, or had gone, may be there in the new view.
      for (const name of subscription.names) {
        if (resources.get(kind, name) !== undefined) subscription.pending.add(name);
      }
    }
  }

  onChanged(kind: PushedKind, names: readonly string[]): void {
    const subscription = this.subscriptions.get(kind);
    if (subscription === undefined) return;
    for (const name of names) if (subscription.wants(name)) subscription.pending.add(name);
  }

  /** Takes a delta request. */
  onDelta(request: DeltaDiscoveryRequest): void {
    const kind = kindOf(request.typeUrl);
    if (kind === undefined) {
      this.#answerUnknown(request.typeUrl ?? '', request.resourceNamesSubscribe ?? []);
      return;
    }
    const first = !this.subscriptions.has(kind);
    const subscription = this.#subscription(kind);
    this.#takeAnswer(kind, subscription, request.responseNonce, request.errorDetail?.message);
    for (const [name, version] of Object.entries(request.initialResourceVersions ?? {})) {
      subscription.sent.set(name, version);
      // What is not there any more has to be said.
      subscription.pending.add(name);
    }
    const asked = request.resourceNamesSubscribe ?? [];
    if (asked.includes('*') || (first && asked.length === 0 && isListed(kind))) {
      this.#subscribeAll(kind, subscription);
    }
    for (const name of asked) if (name !== '*') this.#subscribe(kind, subscription, name);
    for (const name of request.resourceNamesUnsubscribe ?? []) this.#unsubscribe(kind, subscription, name);
    // A first request is answered even where there is nothing, so that the proxy does not wait.
    if (first) subscription.owed = true;
    this.flush();
  }

  /** Takes a state-of-the-world request. */
  onStateOfTheWorld(request: DiscoveryRequest): void {
    const kind = kindOf(request.typeUrl);
    if (kind === undefined) {
      this.#answerUnknown(request.typeUrl ?? '', request.resourceNames ?? []);
      return;
    }
    const first = !this.subscriptions.has(kind);
    const subscription = this.#subscription(kind);
    const nonce = request.responseNonce ?? '';
    const answered = this.#takeAnswer(kind, subscription, nonce, request.errorDetail?.message);
    // An answer to an older response says nothing about what is wanted now.
    if (!first && nonce !== '' && answered === 'ignored' && nonce !== subscription.lastNonce) return;
    const asked = request.resourceNames ?? [];
    if (isListed(kind) && (asked.length === 0 || asked.includes('*'))) {
      if (!subscription.wildcard) this.#subscribeAll(kind, subscription);
    } else {
      const wanted = new Set(asked);
      for (const name of Array.from(subscription.names)) {
        if (!wanted.has(name)) this.#unsubscribe(kind, subscription, name);
      }
      for (const name of wanted) if (!subscription.names.has(name)) this.#subscribe(kind, subscription, name);
    }
    if (first) subscription.owed = true;
    this.flush();
  }

  /** Sends what can be sent now. */
  flush(): void {
    if (this.#closed || this.#blocked) return;
    for (const kind of pushedKinds) {
      const subscription = this.subscriptions.get(kind);
      if (subscription === undefined || !subscription.hasWork) continue;
      // Later kinds may refer to what waits here, except where the proxy itself asks for them.
      if (subscription.outstanding !== undefined) {
        if (this.#laterAreOwed(kind)) continue;
        return;
      }
      this.#send(kind, subscription, kind === 'cluster' && this.mode === 'delta' ? 'upserts' : 'all');
      if (this.#blocked) return;
    }
    this.#sendRemovals();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const [kind, subscription] of this.subscriptions) {
      for (const name of subscription.names) this.#resources.release(kind, name);
    }
    this.#resources.leave(this);
  }

  #laterAreOwed(kind: PushedKind): boolean {
    return pushedKinds
      .slice(pushedKinds.indexOf(kind) + 1)
      .some((later) => this.subscriptions.get(later)?.owed === true);
  }

  /** Clusters that are gone, once nothing that refers to them is waiting. */
  #sendRemovals(): void {
    const clusters = this.subscriptions.get('cluster');
    if (clusters === undefined || clusters.pending.size === 0 || clusters.outstanding !== undefined) return;
    for (const kind of ['listener', 'route'] as const) {
      const subscription = this.subscriptions.get(kind);
      if (subscription !== undefined && (subscription.hasWork || subscription.outstanding !== undefined))
        return;
    }
    this.#send('cluster', clusters, 'all');
  }

  #send(kind: PushedKind, subscription: Subscription, part: 'upserts' | 'all'): void {
    const resources: EncodedResource[] = [];
    const removed: string[] = [];
    for (const name of subscription.pending) {
      const withheld = kind === 'secret' && !this.#options.authenticated;
      const resource = withheld ? undefined : this.#resources.get(kind, name);
      if (resource === undefined) {
        if (part === 'upserts') continue;
        subscription.pending.delete(name);
        // Also where it was never sent: whoever asked for it by name is told that there is none.
        if (subscription.sent.delete(name) || subscription.names.has(name)) removed.push(name);
        continue;
      }
      subscription.pending.delete(name);
      if (subscription.sent.get(name) === resource.version) continue;
      subscription.sent.set(name, resource.version);
      resources.push(resource);
    }
    if (resources.length === 0 && removed.length === 0 && !subscription.owed) return;
    subscription.owed = false;
    this.#write(kind, subscription, resources, removed);
  }

  #write(
    kind: PushedKind,
    subscription: Subscription,
    changed: readonly EncodedResource[],
    removed: readonly string[],
  ): void {
    const { clock, frames, sink, version, events, logger } = this.#options;
    const head = {
      typeUrl: xdsTypes[kind].typeUrl,
      nonce: `${this.id}/${++this.#nonce}`,
      version: version(),
    };
    let parts: Uint8Array[];
    let count = changed.length;
    if (this.mode === 'delta') parts = frames.delta(head, changed, removed);
    else {
      // Clusters and listeners are sent whole: what is missing counts as removed.
      const whole = isListed(kind) && subscription.wildcard ? this.#resources.all(kind) : changed;
      count = whole.length;
      parts = frames.stateOfTheWorld(head, whole);
    }
    subscription.outstanding = { nonce: head.nonce, sentMs: clock.now(), version: head.version };
    subscription.lastNonce = head.nonce;
    subscription.responses++;
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    events.onSent(kind, count, bytes);
    logger.debug(`${xdsTypes[kind].shortName}: PUSH for node:${this.proxy.name}.${this.proxy.namespace}`, {
      resources: count,
      removed: removed.length,
      bytes,
    });
    if (sink.sendEncoded(parts)) return;
    this.#blocked = true;
    void sink.drained().then(() => {
      this.#blocked = false;
      this.flush();
    });
  }

  #takeAnswer(
    kind: PushedKind,
    subscription: Subscription,
    nonce: string | undefined,
    error: string | undefined,
  ): 'accepted' | 'rejected' | 'ignored' {
    if (nonce === undefined || nonce === '') return 'ignored';
    const { clock, events, logger } = this.#options;
    const sentMs = subscription.outstanding?.sentMs ?? clock.now();
    const answer = subscription.answer(nonce, error, clock.now());
    if (answer === 'accepted') events.onAccepted(kind, clock.now() - sentMs);
    else if (answer === 'rejected') {
      events.onRejected(kind, error ?? '');
      logger.warn(`${xdsTypes[kind].shortName}: ACK ERROR ${this.proxy.name}.${this.proxy.namespace}`, {
        error,
      });
    }
    return answer;
  }

  #subscription(kind: PushedKind): Subscription {
    let subscription = this.subscriptions.get(kind);
    if (subscription === undefined) this.subscriptions.set(kind, (subscription = new Subscription()));
    return subscription;
  }

  #subscribeAll(kind: PushedKind, subscription: Subscription): void {
    if (!isListed(kind)) return;
    subscription.wildcard = true;
    for (const { name } of this.#resources.all(kind)) subscription.pending.add(name);
  }

  #subscribe(kind: PushedKind, subscription: Subscription, name: string): void {
    if (!subscription.names.has(name)) {
      subscription.names.add(name);
      this.#resources.retain(kind, name);
    } else if (this.mode === 'delta') {
      // Asked for again: the proxy has forgotten it.
      subscription.sent.delete(name);
    }
    subscription.pending.add(name);
    subscription.owed = true;
  }

  #unsubscribe(kind: PushedKind, subscription: Subscription, name: string): void {
    if (name === '*') subscription.wildcard = false;
    if (!subscription.names.delete(name)) return;
    this.#resources.release(kind, name);
    subscription.sent.delete(name);
    subscription.pending.delete(name);
  }

  /** Kinds that are not translated are empty: said once, so that nobody waits. */
  #answerUnknown(typeUrl: string, names: readonly string[]): void {
    if (this.#unknown.has(typeUrl)) return;
    this.#unknown.add(typeUrl);
    const { frames, sink, version, logger } = this.#options;
    logger.debug(`${xdsShortName(typeUrl)}: nothing to send`, { node: this.proxy.id });
    const head = { typeUrl, nonce: `${this.id}/${++this.#nonce}`, version: version() };
    sink.sendEncoded(
      this.mode === 'delta' ? frames.delta(head, [], names) : frames.stateOfTheWorld(head, []),
    );
  }
  readonly #unknown = new Set<string>();
}

function kindOf(typeUrl: string | undefined): PushedKind | undefined {
  const kind = xdsKindOf(typeUrl ?? '');
  return pushedKinds.find((pushed) => pushed === kind);
}
