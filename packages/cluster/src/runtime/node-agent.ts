import type { Duplex, Readable, Writable } from 'node:stream';

/** Which container of which pod a call is about. */
export interface ContainerRef {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** `PodLogOptions` of the API. */
export interface LogOptions {
  readonly follow: boolean;
  /** The instance before the present one. */
  readonly previous: boolean;
  /** Prefix each line with its RFC 3339 time. */
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Only lines at or after this time, milliseconds since the epoch. */
  readonly sinceMs?: number;
}

/** `PodExecOptions` of the API. */
export interface ExecOptions {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** How a command in a container ended. */
export type ExitStatus =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string };

/** A command that runs in a container; with a terminal there is no stderr. */
export interface ExecSession {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable | undefined;
  readonly exited: Promise<ExitStatus>;
  /** Sets the size of the terminal; nothing happens where there is none. */
  resize(columns: number, rows: number): void;
  /** Ends the command and all it started. */
  kill(): void;
}

/**
 * What the API server asks of the node that runs the pods (the kubelet's streaming API).
 * Methods reject with a KubeStatusError (`NotFound`, `BadRequest`) where pod or container do not exist.
 */
export interface NodeAgent {
  /** Opens a container's log. Destroying the stream ends a `follow`. */
  logs(ref: ContainerRef, options: LogOptions): Promise<Readable>;
  exec(ref: ContainerRef, options: ExecOptions): Promise<ExecSession>;
  /** Streams of the running main process, as `kubectl attach` wants them. */
  attach(ref: ContainerRef, options: Omit<ExecOptions, 'command'>): Promise<ExecSession>;
  /** Connects to a port inside the pod's network namespace, on its loopback. */
  portForward(namespace: string, pod: string, port: number): Promise<Duplex>;
}
