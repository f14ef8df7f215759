import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { GraphNode, MeshDocument } from '../../src/documents.ts';
import { cardHeight, cardWidth } from './card-size.ts';
import { labelPlace } from './edge-label.ts';
import { EdgeLine } from './edge-line.tsx';
import { layoutGraph } from './layout.ts';
import { NodeCard } from './node-card.tsx';

interface GraphProps {
  readonly mesh: MeshDocument;
  readonly selected: string | undefined;
  readonly problemsOf: (node: GraphNode) => number;
  readonly onSelect: (id: string | undefined) => void;
}

const [minZoom, maxZoom] = [0.3, 2];
/** Smaller than this nothing can be read: the rest is scrolled to. */
const minFit = 0.6;

/** The graph of the mesh, from left to right. */
export function GraphView({ mesh, selected, problemsOf, onSelect }: GraphProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [chosenZoom, chooseZoom] = useState<number | undefined>(undefined);
  const [room, setRoom] = useState({ width: 1200, height: 700 });
  // Places change only with the shape of the graph, not with its traffic.
  const shape = JSON.stringify([
    mesh.nodes.map((node) => [node.id, node.versions.length, node.kind]),
    [...new Set(mesh.edges.map(({ from, to }) => JSON.stringify([from, to])))].sort(),
  ]);
  const layout = useMemo(
    () =>
      layoutGraph(
        mesh.nodes.map((node) => ({
          id: node.id,
          width: cardWidth,
          height: cardHeight(node),
          isSource: node.kind === 'gateway',
        })),
        mesh.edges,
      ),
    [shape],
  );
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const measure = (): void => setRoom({ width: element.clientWidth, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);
  const fit = Math.min(1.15, room.width / layout.width, room.height / layout.height);
  const zoom = chosenZoom ?? Math.max(minFit, fit);
  const zoomBy = (factor: number): void => chooseZoom(Math.min(maxZoom, Math.max(minZoom, zoom * factor)));
  const nodes = new Map(mesh.nodes.map((node) => [node.id, node]));
  const size = { width: `${layout.width}px`, height: `${layout.height}px` };
  if (mesh.nodes.length === 0) {
    return <p class="empty">No pods yet. What is deployed shows up here by itself.</p>;
  }
  return (
    <div class="graph-frame">
      <div
        class="graph"
        ref={frame}
        onClick={(event) => event.target === event.currentTarget && onSelect(undefined)}
      >
        <div
          class="graph-box"
          style={{ width: `${layout.width * zoom}px`, height: `${layout.height * zoom}px` }}
        >
          <div class="graph-plane" style={{ ...size, transform: `scale(${zoom})` }}>
            <svg width={layout.width} height={layout.height} role="presentation">
              <defs>
                {['good', 'warn', 'bad', 'idle'].map((health) => (
                  <marker
                    key={health}
                    id={`arrow-${health}`}
                    class={`arrow ${health}`}
                    viewBox="0 0 8 8"
                    refX="4"
                    refY="4"
                    markerWidth="8"
                    markerHeight="8"
                    markerUnits="userSpaceOnUse"
                    orient="auto"
                  >
                    <path d="M0 0 L8 4 L0 8 Z" />
                  </marker>
                ))}
              </defs>
              {mesh.edges.map((edge) => {
                const [from, to] = [nodes.get(edge.from), nodes.get(edge.to)];
                if (from === undefined || to === undefined) return null;
                const isDimmed = selected !== undefined && edge.from !== selected && edge.to !== selected;
                const key = `${edge.from} ${edge.fromVersion} ${edge.to} ${edge.toVersion} ${edge.protocol}`;
                return (
                  <EdgeLine
                    key={key}
                    edge={edge}
                    from={from}
                    to={to}
                    places={layout.places}
                    labelAt={labelPlace(edge, mesh.edges)}
                    isDimmed={isDimmed}
                  />
                );
              })}
            </svg>
            {mesh.nodes.map((node) => {
              const place = layout.places.get(node.id);
              if (place === undefined) return null;
              return (
                <NodeCard
                  key={node.id}
                  node={node}
                  place={place}
                  isSelected={selected === node.id}
                  problems={problemsOf(node)}
                  onSelect={(id) => onSelect(id === selected ? undefined : id)}
                />
              );
            })}
          </div>
        </div>
      </div>
      <div class="zoom" role="group" aria-label="Zoom">
        <button type="button" onClick={() => zoomBy(1 / 1.2)} aria-label="Smaller">
          −
        </button>
        <button type="button" onClick={() => chooseZoom(undefined)} aria-label="Fit">
          fit
        </button>
        <button type="button" onClick={() => zoomBy(1.2)} aria-label="Larger">
          +
        </button>
      </div>
      <Legend mesh={mesh} />
    </div>
  );
}

function Legend({ mesh }: { readonly mesh: MeshDocument }) {
  return (
    <div class="legend">
      <span>
        <i class="pod good" /> ready
      </span>
      <span>
        <i class="pod warn" /> not ready
      </span>
      <span>
        <i class="pod good bare" /> without sidecar
      </span>
      <span>
        <u class="tick" /> configured share
      </span>
      {!mesh.isMeasured && <span>measuring…</span>}
      {mesh.unread.length > 0 && (
        <span class="warn" title={mesh.unread.map(({ pod, reason }) => `${pod}: ${reason}`).join('\n')}>
          {mesh.unread.length} {mesh.unread.length === 1 ? 'proxy' : 'proxies'} not read
        </span>
      )}
    </div>
  );
}
