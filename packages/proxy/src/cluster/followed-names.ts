import { isDeepStrictEqual } from 'node:util';
import type { ClusterLoadAssignment } from '../model/endpoint.ts';
import type { NamedAddresses } from '../workers/thread-share.ts';
import { namesIn, resolved } from './dns-refresh.ts';

/** The names of a DNS cluster in a thread that does not resolve them: it is told what the first one finds. */
export class FollowedNames {
  readonly #assignment: ClusterLoadAssignment;
  readonly #onEndpoints: (assignment: ClusterLoadAssignment) => void;
  readonly #addresses: Map<string, readonly string[] | undefined>;
  readonly asked: Promise<void> = Promise.resolve();

  /** `known`: of another version of the cluster, by the same rules; holds until something is told. */
  constructor(
    assignment: ClusterLoadAssignment,
    known: NamedAddresses | undefined,
    onEndpoints: (assignment: ClusterLoadAssignment) => void,
  ) {
    this.#assignment = assignment;
    this.#onEndpoints = onEndpoints;
    this.#addresses = new Map([...namesIn(assignment)].map((name) => [name, known?.get(name)]));
    const knows = [...this.#addresses.values()].some((one) => one !== undefined);
    if (knows || this.#addresses.size === 0) onEndpoints(resolved(assignment, this.#addresses));
  }

  get addresses(): NamedAddresses {
    return this.#addresses;
  }

  /** Takes what the first thread knows; names that this version of the cluster does not have are passed over. */
  take(addresses: NamedAddresses): void {
    let changed = false;
    for (const [name, before] of this.#addresses) {
      const found = addresses.get(name);
      if (found === undefined || isDeepStrictEqual(found, before)) continue;
      this.#addresses.set(name, found);
      changed = true;
    }
    if (changed) this.#onEndpoints(resolved(this.#assignment, this.#addresses));
  }

  close(): void {}
}
