import type { GraphNode } from '../../src/documents.ts';

export const cardWidth = 232;
const headHeight = 50;
const rowHeight = 38;
const padding = 8;

/** The height of a node's card; `page.css` has the same numbers. */
export function cardHeight(node: GraphNode): number {
  return headHeight + (node.versions.length === 0 ? 0 : node.versions.length * rowHeight + padding);
}

/** Where a version's edges meet its card, from the card's top; the head's where it names none. */
export function anchorY(node: GraphNode, version: string | undefined): number {
  const index = version === undefined ? -1 : node.versions.findIndex(({ name }) => name === version);
  return index < 0 ? headHeight / 2 : headHeight + index * rowHeight + rowHeight / 2;
}
