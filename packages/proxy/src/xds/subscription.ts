import { resourceTypeFacts, type ResourceType } from './resource-type.ts';

/** A resource as it came, not decoded. */
export interface RawResource {
  readonly name: string;
  /** The version that the control plane gave it: its own (delta) or that of the whole response. */
  readonly version: string;
  readonly typeUrl: string;
  readonly bytes: Uint8Array;
}

/** One response of a control plane, as far as it concerns the proxy. */
export interface ResourceUpdate {
  readonly type: ResourceType;
  readonly version: string;
  readonly changed: readonly RawResource[];
  /** Names of resources that are gone, or that were asked for and do not exist. */
  readonly removed: readonly string[];
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
  /** Names that are wanted; empty and not used where the kind is wanted whole. */
  wanted: ReadonlySet<string> = new Set();
  /** Versions of the resources that were accepted, by name. */
  readonly versions = new Map<string, string>();
  /** Version of the last response that was accepted whole. */
  acceptedVersion = '';
  accepted = 0;
  refused = 0;

  constructor(type: ResourceType) {
    this.type = type;
  }

  get wildcard(): boolean {
    return resourceTypeFacts[this.type].wildcard;
  }

  /** True where there is something to ask for. */
  get active(): boolean {
    return this.wildcard || this.wanted.size > 0;
  }

  /** Wants exactly these names from now on; forgets what is not wanted any more. */
  want(names: ReadonlySet<string>): void {
    this.wanted = names;
    for (const name of this.versions.keys()) if (!names.has(name)) this.versions.delete(name);
  }

  /** Hands a response to the sink and remembers what was accepted; returns the text of a refusal. */
  async take(update: ResourceUpdate, sink: ResourceSink): Promise<string | undefined> {
    const refused = await sink.update(update);
    const names = new Set(refused.map((r) => r.name));
    for (const resource of update.changed) {
      if (!names.has(resource.name)) this.versions.set(resource.name, resource.version);
    }
    for (const name of update.removed) this.versions.delete(name);
    if (refused.length === 0) {
      this.acceptedVersion = update.version;
      this.accepted++;
      return undefined;
    }
    this.refused++;
    return refused.map((r) => `${r.name}: ${r.reason}`).join('\n');
  }
}
