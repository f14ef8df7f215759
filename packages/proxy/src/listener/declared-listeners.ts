import type { DataPlaneChange } from '../model/change.ts';
import type { Listener } from '../model/listener.ts';
import { hasDiscovered, type Extensions } from './extensions.ts';

/** Listeners as they were given, where network filters of theirs come by themselves. */
export class DeclaredListeners {
  readonly #extensions: Extensions;
  readonly #declared = new Map<string, Listener>();

  constructor(extensions: Extensions) {
    this.#extensions = extensions;
  }

  /** The listeners to put in place, network filters that come by themselves in theirs. */
  resolve(change: DataPlaneChange): DataPlaneChange['listeners'] {
    if (change.extensions !== undefined) this.#extensions.update(change.extensions);
    const given = change.listeners;
    for (const listener of given?.set ?? []) {
      if (hasDiscovered(listener)) this.#declared.set(listener.name, listener);
      else this.#declared.delete(listener.name);
    }
    for (const name of given?.remove ?? []) this.#declared.delete(name);
    if (change.extensions === undefined || this.#declared.size === 0) {
      return this.#declared.size === 0 || given?.set === undefined
        ? given
        : { ...given, set: given.set.map((one) => this.#extensions.resolve(one)) };
    }
    const fresh = new Set((given?.set ?? []).map(({ name }) => name));
    const others = [...this.#declared.values()].filter(({ name }) => !fresh.has(name));
    return { ...given, set: [...(given?.set ?? []), ...others].map((one) => this.#extensions.resolve(one)) };
  }
}
