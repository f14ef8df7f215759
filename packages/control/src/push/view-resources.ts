import type { ListedKind } from '../translate/proxy-view.ts';
import type { EncodedResource } from '../translate/resource.ts';
import { isListed, type PushedKind, type ResourceSet, type SetMember } from './resource-set.ts';

/** The resources of one view, out of the sets that make it up. */
export class ViewResources {
  readonly sets: readonly ResourceSet[];

  constructor(sets: readonly ResourceSet[]) {
    this.sets = sets;
  }

  join(member: SetMember): void {
    for (const set of this.sets) set.join(member);
  }

  leave(member: SetMember): void {
    for (const set of this.sets) set.leave(member);
  }

  /** All resources of a listed kind. */
  all(kind: ListedKind): EncodedResource[] {
    return this.sets.flatMap((set) => [...set.all(kind).values()]);
  }

  /** A resource by name; undefined where the view has none of this name. */
  get(kind: PushedKind, name: string): EncodedResource | undefined {
    for (const set of this.sets) {
      const found = set.get(kind, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Watches a named resource for one more member; listed kinds are always watched. */
  retain(kind: PushedKind, name: string): void {
    if (isListed(kind)) return;
    for (const set of this.sets) if (set.names(kind)) set.retain(kind, name);
  }

  /** The opposite of {@link retain}. */
  release(kind: PushedKind, name: string): void {
    if (isListed(kind)) return;
    for (const set of this.sets) if (set.names(kind)) set.release(kind, name);
  }
}
