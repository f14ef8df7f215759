const bits = 5;
const width = 1 << bits;
const mask = width - 1;

/** A leaf holds the entries whose hashes agree so far: usually one. */
interface Leaf<V> {
  readonly hash: number;
  readonly entries: readonly (readonly [string, V])[];
}

/** A branch holds up to 32 children, packed; bit i of `filled` says whether child i is there. */
interface Branch<V> {
  readonly filled: number;
  readonly children: readonly Trie<V>[];
}

type Trie<V> = Leaf<V> | Branch<V>;

function isLeaf<V>(node: Trie<V>): node is Leaf<V> {
  return 'entries' in node;
}

/** FNV-1a. */
function hashOf(key: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    h = Math.imul(h ^ key.charCodeAt(i), 0x01000193);
  }
  return h >>> 0;
}

function popCount(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function slotOf(branch: { readonly filled: number }, bit: number): number {
  return popCount(branch.filled & (bit - 1));
}

function find<V>(root: Trie<V> | undefined, hash: number, key: string): V | undefined {
  let node = root;
  let shift = 0;
  while (node !== undefined && !isLeaf(node)) {
    const bit = 1 << ((hash >>> shift) & mask);
    if ((node.filled & bit) === 0) return undefined;
    node = node.children[slotOf(node, bit)];
    shift += bits;
  }
  return node?.entries.find((entry) => entry[0] === key)?.[1];
}

function put<V>(node: Trie<V> | undefined, shift: number, hash: number, key: string, value: V): Trie<V> {
  if (node === undefined) return { hash, entries: [[key, value]] };
  if (isLeaf(node)) {
    if (node.hash === hash) {
      return { hash, entries: [...node.entries.filter((entry) => entry[0] !== key), [key, value]] };
    }
    const split: Branch<V> = { filled: 1 << ((node.hash >>> shift) & mask), children: [node] };
    return put(split, shift, hash, key, value);
  }
  const bit = 1 << ((hash >>> shift) & mask);
  const slot = slotOf(node, bit);
  if ((node.filled & bit) !== 0) {
    return {
      filled: node.filled,
      children: node.children.with(slot, put(node.children[slot], shift + bits, hash, key, value)),
    };
  }
  return {
    filled: node.filled | bit,
    children: node.children.toSpliced(slot, 0, put(undefined, shift + bits, hash, key, value)),
  };
}

function drop<V>(node: Trie<V>, shift: number, hash: number, key: string): Trie<V> | undefined {
  if (isLeaf(node)) {
    const entries = node.entries.filter((entry) => entry[0] !== key);
    return entries.length === 0 ? undefined : { hash: node.hash, entries };
  }
  const bit = 1 << ((hash >>> shift) & mask);
  const slot = slotOf(node, bit);
  const child = node.children[slot];
  if ((node.filled & bit) === 0 || child === undefined) return node;
  const kept = drop(child, shift + bits, hash, key);
  if (kept !== undefined) return { filled: node.filled, children: node.children.with(slot, kept) };
  const filled = node.filled & ~bit;
  return filled === 0 ? undefined : { filled, children: node.children.toSpliced(slot, 1) };
}

function* walk<V>(node: Trie<V> | undefined): Generator<readonly [string, V]> {
  if (node === undefined) return;
  if (isLeaf(node)) yield* node.entries;
  else for (const child of node.children) yield* walk(child);
}

/**
 * An immutable map from text keys: a change gives a new map that shares all but one path with the old.
 *
 * A hash array mapped trie. The order of iteration depends only on the keys, except where two hashes collide.
 */
export class PersistentMap<V> {
  readonly size: number;
  readonly #root: Trie<V> | undefined;

  private constructor(root: Trie<V> | undefined, size: number) {
    this.#root = root;
    this.size = size;
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(undefined, 0);
  }

  get(key: string): V | undefined {
    return find(this.#root, hashOf(key), key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** A map with this entry; values may not be undefined. */
  set(key: string, value: V): PersistentMap<V> {
    const grown = this.has(key) ? this.size : this.size + 1;
    return new PersistentMap(put(this.#root, 0, hashOf(key), key, value), grown);
  }

  /** A map without this entry; the same map where it was not there. */
  delete(key: string): PersistentMap<V> {
    if (this.#root === undefined || !this.has(key)) return this;
    return new PersistentMap(drop(this.#root, 0, hashOf(key), key), this.size - 1);
  }

  entries(): Iterable<readonly [string, V]> {
    return walk(this.#root);
  }
}
