import type { KubeObject, Resource } from './object.ts';

/** Which objects a list or watch is about. */
export interface Selection {
  /** All namespaces where it is left out. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ListResult<T> {
  readonly items: T[];
  /** The revision at which a watch continues this list. */
  readonly resourceVersion: string;
}

/** One line of a watch. A bookmark carries only `metadata.resourceVersion`. */
export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: KubeObject };

export type PatchType = 'strategic-merge' | 'merge' | 'json' | 'apply';

export interface WriteOptions {
  /** Who writes, for `metadata.managedFields`; default the client's own name. */
  readonly fieldManager?: string;
  /** Server-side apply only: take over fields that others own. */
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/**
 * The Kubernetes API as Lateen's parts use it: over HTTP against any API server, or in the
 * same process against the local one.
 *
 * Every method rejects with a {@link KubeStatusError} where the server answers with a
 * `Status`, and with a LateenError of code `kube.unreachable` where there is no answer.
 * `namespace` is undefined for resources that have none.
 */
export interface KubeClient {
  get<T extends KubeObject>(resource: Resource, namespace: string | undefined, name: string): Promise<T>;
  list<T extends KubeObject>(resource: Resource, selection?: Selection): Promise<ListResult<T>>;
  create<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  update<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  updateStatus<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    type: PatchType,
    patch: unknown,
    options?: WriteOptions & { readonly subresource?: string },
  ): Promise<T>;
  delete(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    options?: {
      readonly gracePeriodSeconds?: number;
      readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
      readonly uid?: string;
    },
  ): Promise<void>;
  /**
   * Watches until the server ends the watch or `signal` is aborted; resolves in both cases.
   * Rejects with reason `Expired` (410) where `resourceVersion` is too old.
   */
  watch<T extends KubeObject>(
    resource: Resource,
    selection: Selection & { readonly resourceVersion: string },
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Any other call: subresources, `/version`, `TokenReview`. Resolves with the decoded JSON. */
  raw(method: string, path: string, body?: unknown): Promise<unknown>;
}
