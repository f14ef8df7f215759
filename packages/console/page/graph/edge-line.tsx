import type { GraphEdge, GraphNode } from '../../src/documents.ts';
import { healthOf } from '../format.ts';
import { anchorY, cardWidth } from './card-size.ts';
import { edgeWords, labelMiddle, letterWidth } from './edge-label.ts';
import type { Place } from './layout.ts';

interface EdgeProps {
  readonly edge: GraphEdge;
  readonly from: GraphNode;
  readonly to: GraphNode;
  readonly places: ReadonlyMap<string, Place>;
  /** Where along the edge its words stand, 0 to 1. */
  readonly labelAt: number;
  /** True where another node is looked at. */
  readonly isDimmed: boolean;
}

/** Calls from one version to a service: the busier the thicker, with dots that flow along it. */
export function EdgeLine({ edge, from, to, places, labelAt, isDimmed }: EdgeProps) {
  const [start, end] = [places.get(from.id), places.get(to.id)];
  if (start === undefined || end === undefined) return null;
  const { traffic } = edge;
  const rate = traffic?.requestsPerSecond ?? 0;
  const isBusy = rate > 0;
  const x1 = start.x + cardWidth;
  const y1 = start.y + anchorY(from, edge.fromVersion);
  const x2 = end.x - 7;
  const y2 = end.y + anchorY(to, edge.toVersion);
  const bend = Math.max(50, Math.abs(x2 - x1) / 2);
  const path = `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  const width = isBusy ? 1.5 + Math.min(5, Math.log2(1 + rate)) : 1.25;
  const health = isBusy ? healthOf(traffic?.errorShare ?? 0) : 'idle';
  const pace = rate > 20 ? 'fast' : rate > 2 ? 'brisk' : 'slow';
  const words = edgeWords(edge);
  const labelX = labelMiddle(
    curveAt(labelAt, x1, x1 + bend, x2 - bend, x2),
    x1,
    x2,
    words.length * letterWidth,
  );
  const labelY = curveAt(labelAt, y1, y1, y2, y2);
  return (
    <g
      class={`edge ${health} ${isDimmed ? 'dimmed' : ''}`}
      data-edge={`${edge.from}:${edge.fromVersion}>${edge.to}${edge.toVersion === undefined ? '' : `:${edge.toVersion}`}`}
      data-busy={isBusy}
    >
      <title>{`${from.name} ${edge.fromVersion} → ${to.name} ${edge.toVersion ?? ''}: ${words || 'no traffic now'}`}</title>
      <path class="line" d={path} stroke-width={width} marker-end={`url(#arrow-${health})`} />
      {isBusy && <path class={`flow ${pace}`} d={path} stroke-width={Math.max(1.5, width * 0.5)} />}
      {words !== '' && (
        <text x={labelX} y={labelY - 5 - width / 2}>
          {words}
        </text>
      )}
    </g>
  );
}

/** The point of a cubic Bézier curve in one dimension. */
function curveAt(t: number, a: number, b: number, c: number, d: number): number {
  const u = 1 - t;
  return u * u * u * a + 3 * u * u * t * b + 3 * u * t * t * c + t * t * t * d;
}
