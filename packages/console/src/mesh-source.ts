/** An object of Kubernetes, as far as the console reads it. */
export interface SourceObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
  readonly [field: string]: unknown;
}

/** The kinds of the platform that the console reads, besides every kind of configuration. */
export const platformKinds = ['Namespace', 'Service', 'Deployment', 'Pod'] as const;

/** Where the console's data comes from; any cluster with proxies in it. */
export interface MeshSource {
  /** All objects of a kind, each with its `apiVersion` and `kind`; empty where the kind is not known. */
  list(kind: string): readonly SourceObject[];
  /** Calls `onChange` with the kind whenever an object of it came, changed or went. Returns how to end it. */
  watch(onChange: (kind: string) => void): () => void;
  /** GETs a path of a port of a pod. Rejects where the pod does not answer with 2xx. */
  readPod(namespace: string, name: string, port: number, path: string): Promise<string>;
}
