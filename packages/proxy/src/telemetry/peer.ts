import { decode, encode, Struct, type JsonObject } from '@lateen/protocol';

/** Who is at an end of a request, as Istio's metrics name it. */
export interface Peer {
  readonly workload: string;
  readonly namespace: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly app: string;
  readonly version: string;
  readonly cluster: string;
}

const unknown = 'unknown';

/** Somebody of whom nothing is known. */
export const unknownPeer: Peer = {
  workload: unknown,
  namespace: unknown,
  canonicalService: unknown,
  canonicalRevision: 'latest',
  app: unknown,
  version: unknown,
  cluster: unknown,
};

/** Reads Istio's node metadata: what proxies tell each other, and what a proxy knows of itself. */
export function peerOfMetadata(metadata: Readonly<Record<string, unknown>>): Peer {
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' && value !== '' ? value : undefined;
  const labels = (
    typeof metadata['LABELS'] === 'object' && metadata['LABELS'] !== null ? metadata['LABELS'] : {}
  ) as Readonly<Record<string, unknown>>;
  const workload = text(metadata['WORKLOAD_NAME']) ?? unknown;
  const app = text(labels['app']) ?? text(labels['app.kubernetes.io/name']);
  const version = text(labels['version']) ?? text(labels['app.kubernetes.io/version']);
  return {
    workload,
    namespace: text(metadata['NAMESPACE']) ?? unknown,
    canonicalService: text(labels['service.istio.io/canonical-name']) ?? app ?? workload,
    canonicalRevision: text(labels['service.istio.io/canonical-revision']) ?? version ?? 'latest',
    app: app ?? unknown,
    version: version ?? unknown,
    cluster: text(metadata['CLUSTER_ID']) ?? unknown,
  };
}

/** Reads what the control plane says of an endpoint: `workload;namespace;canonical service;revision;cluster`. */
export function peerOfWorkload(text: string): Peer {
  const [workload = '', namespace = '', service = '', revision = '', cluster = ''] = text.split(';');
  const or = (value: string, fallback: string): string => (value === '' ? fallback : value);
  return {
    workload: or(workload, unknown),
    namespace: or(namespace, unknown),
    canonicalService: or(service, or(workload, unknown)),
    canonicalRevision: or(revision, 'latest'),
    app: or(service, unknown),
    version: or(revision, unknown),
    cluster: or(cluster, unknown),
  };
}

/** What of the node's metadata others are told. */
const toldFields = ['NAME', 'NAMESPACE', 'WORKLOAD_NAME', 'CLUSTER_ID', 'OWNER', 'SERVICE_ACCOUNT'] as const;
const toldLabels = [
  'app',
  'app.kubernetes.io/name',
  'version',
  'service.istio.io/canonical-name',
  'service.istio.io/canonical-revision',
] as const;

/** The value of `x-envoy-peer-metadata`: a Struct in base64, the same for the life of the proxy. */
export function encodePeerMetadata(metadata: Readonly<Record<string, unknown>>): string {
  const told: Record<string, JsonObject[string]> = {};
  for (const field of toldFields) {
    const value = metadata[field];
    if (typeof value === 'string') told[field] = value;
  }
  const labels = (metadata['LABELS'] ?? {}) as Readonly<Record<string, unknown>>;
  const kept: Record<string, string> = {};
  for (const name of toldLabels) {
    const value = labels[name];
    if (typeof value === 'string') kept[name] = value;
  }
  told['LABELS'] = kept;
  return Buffer.from(encode(Struct, told)).toString('base64');
}

/** Peers that have made themselves known by header, by their id; as many as are kept at most. */
const maxPeers = 2_000;

/**
 * Remembers who is who, so that a peer's metadata is read once and not with each request. Peers that are the
 * same to metrics, as the pods of one workload, are one object.
 */
export class PeerTable {
  readonly #byId = new Map<string, Peer>();
  readonly #byWorkload = new Map<string, Peer>();
  readonly #byLabels = new Map<string, Peer>();

  /** The peer of an id; `metadata` is asked for only where the id is new. Undefined where it cannot be read. */
  byId(id: string, metadata: () => string | undefined): Peer | undefined {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const text = metadata();
    if (text === undefined) return undefined;
    const struct = decode(Struct, Buffer.from(text, 'base64'));
    if (!struct.ok) return undefined;
    return remember(this.#byId, id, this.#same(peerOfMetadata(struct.value)));
  }

  /** The peer that the control plane describes by an endpoint's `workload`. */
  byWorkload(text: string): Peer {
    return this.#byWorkload.get(text) ?? remember(this.#byWorkload, text, this.#same(peerOfWorkload(text)));
  }

  #same(peer: Peer): Peer {
    const labels = JSON.stringify(peer);
    return this.#byLabels.get(labels) ?? remember(this.#byLabels, labels, peer);
  }
}

/** Forgets the oldest where there are too many: whoever says a new name with each request gains nothing. */
function remember(table: Map<string, Peer>, key: string, peer: Peer): Peer {
  if (table.size >= maxPeers) {
    const [oldest] = table.keys();
    if (oldest !== undefined) table.delete(oldest);
  }
  table.set(key, peer);
  return peer;
}
