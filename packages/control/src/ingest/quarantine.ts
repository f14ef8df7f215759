import type { Problem } from '@lateen/core';

/** An object that is not used as it is now, because it is wrong. */
export interface Quarantined {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly problems: readonly Problem[];
  /** True where its last good version is still in force. */
  readonly lastGoodInForce: boolean;
  /** `metadata.generation` of the version that is wrong. */
  readonly generation: number | undefined;
}

/** What was set aside: each object alone, so that nobody else's is affected. */
export class Quarantine {
  readonly #objects = new Map<string, Quarantined>();

  set(object: Quarantined): void {
    this.#objects.set(keyOf(object), object);
  }

  /** To be called when an object is good again, or gone. */
  clear(object: { readonly kind: string; readonly namespace: string; readonly name: string }): void {
    this.#objects.delete(keyOf(object));
  }

  list(): readonly Quarantined[] {
    return [...this.#objects.values()];
  }
}

function keyOf(object: { readonly kind: string; readonly namespace: string; readonly name: string }): string {
  return `${object.kind}/${object.namespace}/${object.name}`;
}
