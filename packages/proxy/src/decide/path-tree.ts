import type { PathMatch } from '../model/route.ts';

/** Paths that a tree can hold: text compared with case. */
export type TreePath = Exclude<PathMatch, { readonly kind: 'regex' | 'connect' | 'template' }>;

/** Numbers of the items whose path ends at a node, in ascending order. */
type Numbers = number[];

interface Node {
  /** What leads here from the node above. */
  label: string;
  /** By the first character of their labels. */
  readonly below: Map<number, Node>;
  exact: Numbers | undefined;
  prefix: Numbers | undefined;
  segment: Numbers | undefined;
}

const slash = 47;

function node(label: string): Node {
  return { label, below: new Map(), exact: undefined, prefix: undefined, segment: undefined };
}

/** Length of what two texts begin with in common; `from` is where the second begins. */
function commonLength(label: string, path: string, from: number): number {
  const end = Math.min(label.length, path.length - from);
  let i = 0;
  while (i < end && label.charCodeAt(i) === path.charCodeAt(from + i)) i++;
  return i;
}

/**
 * Exact paths and prefixes in a tree of what they have in common, so that those which match a path are found
 * by going over the path once, however many there are.
 */
export class PathTree {
  readonly #root = node('');

  /** Adds an item; the numbers of later items must be higher. */
  add({ kind, value }: TreePath, item: number): void {
    let at = this.#root;
    let from = 0;
    while (from < value.length) {
      const first = value.charCodeAt(from);
      const next = at.below.get(first);
      if (next === undefined) {
        const leaf = node(value.slice(from));
        at.below.set(first, leaf);
        at = leaf;
        break;
      }
      const common = commonLength(next.label, value, from);
      from += common;
      at = common === next.label.length ? next : split(at, next, common);
    }
    if (kind === 'exact') (at.exact ??= []).push(item);
    else if (kind === 'prefix') (at.prefix ??= []).push(item);
    else (at.segment ??= []).push(item);
  }

  /** Writes the lists of the items that match a path to `lists` from `count` on; returns their number then. */
  collect(path: string, lists: (readonly number[])[], count: number): number {
    let at: Node | undefined = this.#root;
    let from = 0;
    let found = count;
    for (;;) {
      const ends = from === path.length;
      if (at.prefix !== undefined) lists[found++] = at.prefix;
      if (at.segment !== undefined && (ends || path.charCodeAt(from) === slash)) lists[found++] = at.segment;
      if (ends) {
        if (at.exact !== undefined) lists[found++] = at.exact;
        return found;
      }
      at = at.below.get(path.charCodeAt(from));
      if (at === undefined || !path.startsWith(at.label, from)) return found;
      from += at.label.length;
    }
  }
}

/** Puts a node between two others, after the first characters of the lower one's label. */
function split(above: Node, below: Node, length: number): Node {
  const middle = node(below.label.slice(0, length));
  above.below.set(middle.label.charCodeAt(0), middle);
  below.label = below.label.slice(length);
  middle.below.set(below.label.charCodeAt(0), below);
  return middle;
}
