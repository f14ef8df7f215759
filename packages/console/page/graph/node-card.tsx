import type { GraphNode, VersionRow } from '../../src/documents.ts';
import { formatRate, formatShare, healthOf } from '../format.ts';
import { cardHeight, cardWidth } from './card-size.ts';
import type { Place } from './layout.ts';

interface CardProps {
  readonly node: GraphNode;
  readonly place: Place;
  readonly isSelected: boolean;
  readonly problems: number;
  readonly onSelect: (id: string) => void;
}

/** A service with its versions; a button that opens its details. */
export function NodeCard({ node, place, isSelected, problems, onSelect }: CardProps) {
  const total = node.versions.reduce((sum, { traffic }) => sum + (traffic?.requestsPerSecond ?? 0), 0);
  const label = `${node.kind} ${node.name}, ${node.versions.length} versions, ${formatRate(total)}`;
  return (
    <button
      type="button"
      class={`card ${node.kind} ${isSelected ? 'selected' : ''}`}
      data-node={node.id}
      aria-pressed={isSelected}
      aria-label={label}
      style={{
        left: `${place.x}px`,
        top: `${place.y}px`,
        width: `${cardWidth}px`,
        height: `${cardHeight(node)}px`,
      }}
      onClick={() => onSelect(node.id)}
    >
      <span class="card-head">
        <KindIcon kind={node.kind} />
        <span class="card-name">
          <b>{node.name}</b>
          <small>
            {node.namespace}
            {node.kind === 'service' || node.kind === 'unknown' ? '' : ` · ${node.kind}`}
          </small>
        </span>
        {problems > 0 && (
          <span class="badge bad" title={`${problems} problems in its configuration`}>
            {problems}
          </span>
        )}
      </span>
      {node.versions.map((version) => (
        <Version
          key={version.name}
          version={version}
          name={version.name === node.name ? podCount(version) : version.name}
          total={total}
          isAlone={node.versions.length === 1}
        />
      ))}
    </button>
  );
}

function podCount({ pods }: VersionRow): string {
  return pods.length === 1 ? '1 pod' : `${pods.length} pods`;
}

function Version({
  version,
  name,
  total,
  isAlone,
}: {
  readonly version: VersionRow;
  readonly name: string;
  readonly total: number;
  readonly isAlone: boolean;
}) {
  const { traffic, wantedShare, pods } = version;
  const share = traffic === undefined || total === 0 ? 0 : traffic.requestsPerSecond / total;
  const health = healthOf(traffic?.errorShare ?? 0);
  const title =
    wantedShare === undefined
      ? formatShare(share)
      : `${formatShare(share)}, ${formatShare(wantedShare)} configured`;
  return (
    <span class="version" data-version={version.name}>
      <span class="version-line">
        <span class="pods">
          {pods.map((pod) => (
            <i
              key={pod.name}
              class={`pod ${pod.isReady ? 'good' : 'warn'} ${pod.hasSidecar ? '' : 'bare'}`}
              title={`${pod.name} ${pod.ready} ${pod.status}`}
            />
          ))}
        </span>
        <span class="version-name">{name}</span>
        <span class="version-rate">
          {traffic !== undefined && traffic.requestsPerSecond > 0 && (
            <>
              {!isAlone && <em>{formatShare(share)}</em>}
              {formatRate(traffic.requestsPerSecond)}
            </>
          )}
        </span>
      </span>
      {(!isAlone || wantedShare !== undefined) && (
        <span class="share" title={title}>
          <i class={health} style={{ width: `${share * 100}%` }} />
          {wantedShare !== undefined && <u style={{ left: `${wantedShare * 100}%` }} />}
        </span>
      )}
    </span>
  );
}

function KindIcon({ kind }: { readonly kind: GraphNode['kind'] }) {
  const paths = {
    service: 'M12 3 20 7.500 V16.500 L12 21 4 16.500 V7.500 Z M12 12 20 7.500 M12 12 4 7.500 M12 12 V21',
    workload: 'M4 5 h16 v14 H4 Z M8 9 h8 M8 13 h5',
    gateway: 'M4 20 V10 a8 8 0 0 1 16 0 V20 M9 20 V11 a3 3 0 0 1 6 0 V20 M2 20 H22',
    external: 'M12 3 a9 9 0 1 0 .01 0 M3 12 H21 M12 3 c4 5 4 13 0 18 M12 3 c-4 5 -4 13 0 18',
    unknown: 'M8.500 9 a3.500 3.500 0 1 1 5 3.200 c-1.200 .6 -1.500 1.200 -1.500 2.300 M12 18 v.2',
  };
  return (
    <svg class="kind" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[kind]} />
    </svg>
  );
}
