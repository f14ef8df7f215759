/** A box to be placed; edges are between ids. */
export interface LayoutNode {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** Sources of traffic stand at the left. */
  readonly isSource: boolean;
}

export interface LayoutEdge {
  readonly from: string;
  readonly to: string;
}

export interface Place {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly places: ReadonlyMap<string, Place>;
  readonly width: number;
  readonly height: number;
}

const layerGap = 176;
const rowGap = 36;
const margin = 28;
const sweeps = 6;

/**
 * Places boxes in layers from left to right, along the calls: each right of all that call it (calls
 * in a circle aside), ordered in its layer so that few edges cross. Boxes without any call stand in
 * rows below.
 */
export function layoutGraph(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): Layout {
  const known = new Set(nodes.map(({ id }) => id));
  const real = edges.filter(({ from, to }) => from !== to && known.has(from) && known.has(to));
  const connected = new Set(real.flatMap(({ from, to }) => [from, to]));
  const forward = withoutCycles(nodes, real);
  const layers = order(
    layersOf(
      nodes.filter(({ id }) => connected.has(id)),
      forward,
    ),
    forward,
  );
  const places = new Map<string, Place>();
  const heights = layers.map(
    (layer) => layer.reduce((sum, { height }) => sum + height, 0) + rowGap * Math.max(0, layer.length - 1),
  );
  const tallest = Math.max(0, ...heights);
  let x = margin;
  for (const [index, layer] of layers.entries()) {
    let y = margin + (tallest - (heights[index] ?? 0)) / 2;
    for (const node of layer) {
      places.set(node.id, { x, y });
      y += node.height + rowGap;
    }
    x += Math.max(...layer.map(({ width }) => width)) + layerGap;
  }
  const graphWidth = layers.length === 0 ? margin : x - layerGap;
  const below = layers.length === 0 ? margin : margin + tallest + rowGap;
  const rows = placeRows(
    nodes.filter(({ id }) => !connected.has(id)),
    Math.max(graphWidth, 900),
    below,
    places,
  );
  return {
    places,
    width: Math.max(graphWidth, rows.width) + margin,
    height: (rows.bottom > below ? rows.bottom : below) - rowGap + margin,
  };
}

function byEnd(edges: readonly LayoutEdge[], end: 'from' | 'to'): Map<string, LayoutEdge[]> {
  return Map.groupBy(edges, (edge) => edge[end]);
}

/** Leaves out edges that would close a circle, walking from the sources. */
function withoutCycles(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): LayoutEdge[] {
  const called = new Set(edges.map(({ to }) => to));
  const rank = ({ id, isSource }: LayoutNode): number => (isSource ? 0 : called.has(id) ? 2 : 1);
  const leaving = byEnd(edges, 'from');
  const state = new Map<string, 'open' | 'done'>();
  const kept: LayoutEdge[] = [];
  const visit = (id: string): void => {
    state.set(id, 'open');
    for (const edge of leaving.get(id) ?? []) {
      if (state.get(edge.to) === 'open') continue;
      kept.push(edge);
      if (!state.has(edge.to)) visit(edge.to);
    }
    state.set(id, 'done');
  };
  for (const node of nodes.toSorted((a, b) => rank(a) - rank(b))) if (!state.has(node.id)) visit(node.id);
  return kept;
}

function layersOf(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): LayoutNode[][] {
  const arriving = byEnd(edges, 'to');
  const depths = new Map<string, number>();
  const depthOf = (id: string): number => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    const depth = Math.max(0, ...(arriving.get(id) ?? []).map(({ from }) => depthOf(from) + 1));
    depths.set(id, depth);
    return depth;
  };
  const layers: LayoutNode[][] = [];
  for (const node of nodes) (layers[depthOf(node.id)] ??= []).push(node);
  return layers.map((layer) => layer ?? []);
}

/** Orders each layer by the mean place of its neighbours in the layers beside it. */
function order(layers: LayoutNode[][], edges: readonly LayoutEdge[]): LayoutNode[][] {
  const arriving = byEnd(edges, 'to');
  const leaving = byEnd(edges, 'from');
  let ordered = layers;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const rightwards = sweep % 2 === 0;
    const rank = new Map(
      ordered.flatMap((layer) => layer.map(({ id }, i) => [id, (i + 0.5) / layer.length] as const)),
    );
    const mean = ({ id }: LayoutNode): number => {
      const neighbours = rightwards
        ? (arriving.get(id) ?? []).map(({ from }) => from)
        : (leaving.get(id) ?? []).map(({ to }) => to);
      if (neighbours.length === 0) return rank.get(id) ?? 0;
      return neighbours.reduce((sum, other) => sum + (rank.get(other) ?? 0), 0) / neighbours.length;
    };
    ordered = ordered.map((layer) => layer.toSorted((a, b) => mean(a) - mean(b)));
  }
  return ordered;
}

function placeRows(
  nodes: readonly LayoutNode[],
  width: number,
  top: number,
  places: Map<string, Place>,
): { width: number; bottom: number } {
  let [x, y, tallest, widest] = [margin, top, 0, 0];
  for (const node of nodes) {
    if (x > margin && x + node.width > width) {
      [x, y, tallest] = [margin, y + tallest + rowGap, 0];
    }
    places.set(node.id, { x, y });
    x += node.width + rowGap;
    tallest = Math.max(tallest, node.height);
    widest = Math.max(widest, x - rowGap);
  }
  return { width: widest, bottom: nodes.length === 0 ? top : y + tallest + rowGap };
}
