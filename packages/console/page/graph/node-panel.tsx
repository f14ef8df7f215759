import type { ConfigDocument, GraphEdge, GraphNode, MeshDocument } from '../../src/documents.ts';
import { formatMs, formatRate, formatShare } from '../format.ts';

interface PanelProps {
  readonly node: GraphNode;
  readonly mesh: MeshDocument;
  readonly config: readonly ConfigDocument[];
  readonly onSelect: (id: string | undefined) => void;
  readonly onConfig: (id: string) => void;
}

/** Everything about one node: its versions and pods, who calls it and whom it calls, what configures it. */
export function NodePanel({ node, mesh, config, onSelect, onConfig }: PanelProps) {
  const calledBy = mesh.edges.filter(({ to }) => to === node.id);
  const calls = mesh.edges.filter(({ from }) => from === node.id);
  const touching = config.filter(({ id }) => node.config.includes(id));
  return (
    <aside class="panel" aria-label={`Details of ${node.name}`}>
      <header>
        <h2>{node.name}</h2>
        <button type="button" class="plain" aria-label="Close" onClick={() => onSelect(undefined)}>
          ✕
        </button>
      </header>
      <p class="soft">
        {node.kind === 'unknown' ? node.namespace : `${node.kind} in ${node.namespace}`}
        {node.ports.length > 0 && ` · ${node.ports.length === 1 ? 'port' : 'ports'} ${node.ports.join(', ')}`}
      </p>
      {node.hosts.map((host) => (
        <p key={host} class="mono soft host">
          {host}
        </p>
      ))}
      {node.versions.length > 0 && <h3>Versions</h3>}
      {node.versions.map((version) => (
        <section key={version.name} class="panel-version">
          <h4>
            {version.name}
            <span class="soft">
              {version.traffic === undefined ? 'not measured' : formatRate(version.traffic.requestsPerSecond)}
              {version.traffic?.p50Ms !== undefined && ` · p50 ${formatMs(version.traffic.p50Ms)}`}
              {version.traffic?.p90Ms !== undefined && ` · p90 ${formatMs(version.traffic.p90Ms)}`}
              {(version.traffic?.errorShare ?? 0) > 0 && (
                <b class="bad"> · {formatShare(version.traffic?.errorShare ?? 0)} errors</b>
              )}
            </span>
          </h4>
          {version.wantedShare !== undefined && (
            <p class="soft">configured share {formatShare(version.wantedShare)}</p>
          )}
          <ul class="pod-list">
            {version.pods.map((pod) => (
              <li key={pod.name}>
                <i class={`pod ${pod.isReady ? 'good' : 'warn'} ${pod.hasSidecar ? '' : 'bare'}`} />
                <span class="mono">{pod.name}</span>
                <span class="soft">
                  {pod.ready} {pod.status}
                  {pod.restarts > 0 && ` · ${pod.restarts} restarts`}
                  {!pod.hasSidecar && ' · no sidecar'}
                </span>
              </li>
            ))}
          </ul>
        </section>
      ))}
      <Calls title="Called by" edges={calledBy} mesh={mesh} end="from" onSelect={onSelect} />
      <Calls title="Calls" edges={calls} mesh={mesh} end="to" onSelect={onSelect} />
      <h3>Configuration</h3>
      {touching.length === 0 && (
        <p class="soft">
          {node.kind === 'unknown'
            ? 'These requests found no route, or a host that no service has.'
            : 'None: traffic takes any endpoint of the service.'}
        </p>
      )}
      <ul class="links">
        {touching.map((object) => (
          <li key={object.id}>
            <button type="button" class="plain link" onClick={() => onConfig(object.id)}>
              <span class="soft">{object.kind}</span> {object.name}
              {object.messages.length > 0 && <span class="badge bad">{object.messages.length}</span>}
            </button>
          </li>
        ))}
      </ul>
    </aside>
  );
}

interface CallsProps {
  readonly title: string;
  readonly edges: readonly GraphEdge[];
  readonly mesh: MeshDocument;
  readonly end: 'from' | 'to';
  readonly onSelect: (id: string) => void;
}

function Calls({ title, edges, mesh, end, onSelect }: CallsProps) {
  if (edges.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="links">
        {edges.map((edge) => {
          const other = edge[end];
          const name = mesh.nodes.find(({ id }) => id === other)?.name ?? other;
          const version = end === 'from' ? edge.fromVersion : (edge.toVersion ?? '');
          const words =
            edge.traffic === undefined || edge.traffic.requestsPerSecond === 0
              ? 'no traffic now'
              : formatRate(edge.traffic.requestsPerSecond);
          return (
            <li key={`${other} ${edge.fromVersion} ${edge.toVersion} ${edge.protocol}`}>
              <button type="button" class="plain link" onClick={() => onSelect(other)}>
                {name} {version}
                {end === 'from' && edge.toVersion !== undefined && ` → ${edge.toVersion}`}{' '}
                <span class="soft">{words}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </>
  );
}
