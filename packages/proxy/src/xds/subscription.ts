import type { Clock, Timer } from '@lateen/core';
import { resourceTypeFacts, type ResourceType } from './resource-type.ts';

/** A resource as it came, not decoded. */
export interface RawResource {
  readonly name: string;
  /** The version that the control plane gave it: its own (delta) or that of the whole response. */
  readonly version: string;
  readonly typeUrl: string;
  readonly bytes: Uint8Array;
  /** How long it lives unless it, or a sign of life, comes again; undefined: as long as it is not removed. */
  readonly ttlMs?: number;
  /** Further names under which it was asked for (VHDS). */
  readonly aliases?: readonly string[];
}

/** Says of a resource that it lives on: nothing of it has changed. */
export interface Heartbeat {
  readonly name: string;
  readonly version: string;
  readonly ttlMs?: number;
}

/** One response of a control plane, as far as it concerns the proxy. */
export interface ResourceUpdate {
  readonly type: ResourceType;
  readonly version: string;
  readonly changed: readonly RawResource[];
  /** Names of resources that are gone, or that were asked for and do not exist. */
  readonly removed: readonly string[];
  /** Where it came from, unless from a server: `file`, or `kept` on disk since the last run. */
  readonly origin?: 'file' | 'kept';
}

/** A resource that was not taken, and why; its last good version stays. */
export interface RefusedResource {
  readonly name: string;
  readonly reason: string;
}

/** Takes what control planes send, whatever way it came. */
export interface ResourceSink {
  /** Takes one response; resolves with what of it was refused when all else is in effect (or warming). */
  update(update: ResourceUpdate): Promise<readonly RefusedResource[]>;
}

/**
 * What the proxy wants of one kind and what it has, across connections.
 *
 * A kind with wildcard is wanted whole; of the others, only names that something refers to.
 */
export class Subscription {
  readonly type: ResourceType;
  readonly wildcard: boolean;
  /** Names that are wanted; of a kind that is wanted whole, those that the server sends only to who names them. */
  wanted: ReadonlySet<string> = new Set();
  /** Versions of the resources that were accepted, by name. */
  readonly versions = new Map<string, string>();
  /** True until the kind may be asked for. */
  held = false;
  /** Version of the last response that was accepted whole. */
  acceptedVersion = '';
  readonly #clock: Clock;
  /** The ends of resources with a time to live. */
  readonly #ends = new Map<string, Timer>();

  /** `wildcard`: whether all there are of the kind are wanted, besides those that are named. */
  constructor(type: ResourceType, clock: Clock, wildcard = resourceTypeFacts[type].wildcard) {
    this.type = type;
    this.wildcard = wildcard;
    this.#clock = clock;
  }

  /** True where there is something to ask for, and it is time to. */
  get active(): boolean {
    return !this.held && (this.wildcard || this.wanted.size > 0);
  }

  /** Wants exactly these names from now on; forgets what is not wanted any more. */
  want(names: ReadonlySet<string>): void {
    this.wanted = names;
    if (this.wildcard) return;
    for (const name of this.versions.keys()) if (!names.has(name)) this.#forget(name);
  }

  /** Hands a response to the sink and remembers what was accepted; returns the text of a refusal. */
  async take(update: ResourceUpdate, sink: ResourceSink): Promise<string | undefined> {
    const refused = await sink.update(update);
    const names = new Set(refused.map((r) => r.name));
    for (const resource of update.changed) {
      if (names.has(resource.name)) continue;
      this.versions.set(resource.name, resource.version);
      this.#live(resource.name, resource.ttlMs, sink);
    }
    for (const name of update.removed) this.#forget(name);
    if (refused.length === 0) {
      this.acceptedVersion = update.version;
      return undefined;
    }
    return refused.map((r) => `${r.name}: ${r.reason}`).join('\n');
  }

  /** Prolongs the lives of resources; one whose version is another is not the one that is here. */
  prolong(heartbeats: readonly Heartbeat[], sink: ResourceSink): void {
    for (const { name, version, ttlMs } of heartbeats) {
      if (this.versions.get(name) === version) this.#live(name, ttlMs, sink);
    }
  }

  /** Stops all timers: nothing ends any more. */
  close(): void {
    for (const end of this.#ends.values()) end.cancel();
    this.#ends.clear();
  }

  /** A resource whose time is over is removed as if the control plane had said so. */
  #live(name: string, ttlMs: number | undefined, sink: ResourceSink): void {
    this.#ends.get(name)?.cancel();
    this.#ends.delete(name);
    if (ttlMs === undefined) return;
    const end = this.#clock.after(ttlMs, () => {
      this.#forget(name);
      void sink.update({ type: this.type, version: this.acceptedVersion, changed: [], removed: [name] });
    });
    this.#ends.set(name, end);
  }

  #forget(name: string): void {
    this.versions.delete(name);
    this.#ends.get(name)?.cancel();
    this.#ends.delete(name);
  }
}
