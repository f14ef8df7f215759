/** One step of the start, as shown to the person who waits. */
export interface Progress {
  /** A stable name: `network`, `api-server`, `controllers`, `node`. */
  readonly step: string;
  readonly state: 'started' | 'done';
  /** How long the step took; only of a step that is done. */
  readonly tookMs?: number;
  readonly detail?: string;
}

/** What is known of a cluster once it can be used. */
export interface ClusterFacts {
  /** Where the API server answers on the host. */
  readonly apiServerUrl: string;
  /** Path of the kubeconfig file. */
  readonly kubeconfig: string;
  /** The loopback addresses that belong to this cluster, as `127.97.13.0/24`. */
  readonly addressBlock: string;
}

/** An error for people on its way from the cluster process to the host process. */
export interface FailureNote {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** From the cluster process to the host process. */
export type ClusterMessage =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'ready'; readonly facts: ClusterFacts }
  | { readonly type: 'failed'; readonly failure: FailureNote }
  | { readonly type: 'listen'; readonly id: number; readonly address: string; readonly port: number }
  | { readonly type: 'connect'; readonly id: number; readonly address: string; readonly port: number }
  /** `message` is a whole DNS query in base64. */
  | { readonly type: 'resolve'; readonly id: number; readonly message: string };

/**
 * From the host process to the cluster process. `listening` comes with the handle of a listening socket,
 * `connected` with that of a connected one.
 */
export type HostMessage =
  | { readonly type: 'listening'; readonly id: number; readonly port: number }
  | { readonly type: 'listen-failed'; readonly id: number; readonly reason: string }
  | { readonly type: 'connected'; readonly id: number }
  | { readonly type: 'connect-failed'; readonly id: number; readonly reason: string }
  /** Without a message where nobody answered. */
  | { readonly type: 'resolved'; readonly id: number; readonly message?: string }
  | { readonly type: 'shutdown'; readonly graceMs: number };

/** What the cluster process is started with, as JSON in its one argument. */
export interface ClusterOptions {
  readonly dataDir: string;
  /** First three numbers of the loopback block, as `127.97.13`. */
  readonly addressPrefix: string;
  /** The tree with `dist/` and `node_modules/`, shown to containers at /opt/lateen. */
  readonly installationDir: string;
  readonly logLevel: string;
  /** Whether pods may mount directories of the host (`hostPath`). */
  readonly allowHostPath: boolean;
}
