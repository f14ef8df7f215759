/** What the JSON API answers; the page reads the same types. */

/** Traffic over the last seconds. */
export interface Traffic {
  readonly requestsPerSecond: number;
  /** Share of requests that failed: answered with 5xx, or not at all; 0 to 1. */
  readonly errorShare: number;
  /** Milliseconds; absent where nothing was measured. */
  readonly p50Ms?: number;
  readonly p90Ms?: number;
}

export interface PodRow {
  readonly name: string;
  readonly namespace: string;
  readonly isReady: boolean;
  /** Containers ready, as kubectl prints it: `2/2`. */
  readonly ready: string;
  /** The phase, or why the pod does not run. */
  readonly status: string;
  readonly restarts: number;
  readonly hasSidecar: boolean;
}

/** One version of an application: one workload, or several with the same version label. */
export interface VersionRow {
  readonly name: string;
  readonly workloads: readonly string[];
  readonly pods: readonly PodRow[];
  /** What arrives at its pods; absent where no proxy measures it. */
  readonly traffic?: Traffic;
  /** Share that a VirtualService gives it, 0 to 1; absent where none says. */
  readonly wantedShare?: number;
}

export interface GraphNode {
  /** `NAMESPACE/NAME`. */
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  /** `unknown` stands for whatever is no service of the mesh: requests that found no route, and hosts elsewhere. */
  readonly kind: 'service' | 'workload' | 'gateway' | 'external' | 'unknown';
  /** Hosts that lead here. */
  readonly hosts: readonly string[];
  readonly ports: readonly string[];
  readonly versions: readonly VersionRow[];
  /** Configuration that touches it, as ids of {@link ConfigDocument}. */
  readonly config: readonly string[];
}

export interface GraphEdge {
  readonly from: string;
  /** Name of the version that calls. */
  readonly fromVersion: string;
  readonly to: string;
  /** Name of the version that is called; absent where only the service is known. */
  readonly toVersion?: string;
  readonly protocol: 'http' | 'tcp';
  /** Absent where the edge is only configured. */
  readonly traffic?: Traffic;
  /** True where configuration leads here, whether or not there was traffic. */
  readonly isConfigured: boolean;
}

export interface MeshDocument {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** False until two readings of the proxies' counters make rates. */
  readonly isMeasured: boolean;
  /** Proxies whose counters could not be read, with the reason. */
  readonly unread: readonly { readonly pod: string; readonly reason: string }[];
}

export interface ConfigMessage {
  readonly code: string;
  readonly level: 'Error' | 'Warning' | 'Info';
  readonly message: string;
  readonly path: string;
  /** Line of the YAML, from 1; absent for the whole object. */
  readonly line?: number;
}

export interface ConfigDestination {
  readonly host: string;
  readonly subset?: string;
  /** Percent of its rule. */
  readonly weight?: number;
  /** The node that the host leads to. */
  readonly node?: string;
}

export interface ConfigDocument {
  /** `KIND/NAMESPACE/NAME`. */
  readonly id: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly hosts: readonly string[];
  readonly destinations: readonly ConfigDestination[];
  readonly yaml: string;
  readonly messages: readonly ConfigMessage[];
}

export interface ConfigListDocument {
  readonly objects: readonly ConfigDocument[];
  /** Messages about other objects, such as services. */
  readonly others: readonly (ConfigMessage & { readonly object: string })[];
}

export type ProxyState = 'SYNCED' | 'STALE' | 'NACK' | 'NOT SENT' | 'NOT CONNECTED';

export interface ProxyRow {
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  /** Of the proxy; absent where it does not say. */
  readonly version?: string;
  /** The worst of its kinds of resources. */
  readonly state: ProxyState;
  readonly kinds: readonly { readonly kind: string; readonly state: ProxyState; readonly reason?: string }[];
}

export interface ProxyListDocument {
  readonly proxies: readonly ProxyRow[];
  /** Why the control plane could not be asked; absent where it could. */
  readonly problem?: string;
}

/** What the page's stream of events sends. */
export interface ConsoleEvents {
  readonly mesh: MeshDocument;
  readonly config: ConfigListDocument;
  readonly proxies: ProxyListDocument;
}
