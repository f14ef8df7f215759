/** Where a pod is in its life on this node. */
export type PodStage =
  /** Volumes and network are being made. */
  | { readonly name: 'preparing' }
  /** Init containers run, one after the other. */
  | { readonly name: 'initializing' }
  | { readonly name: 'running' }
  /** Containers are being told to end. */
  | { readonly name: 'stopping' }
  /** Nothing runs, and nothing will. */
  | { readonly name: 'finished'; readonly phase: 'Succeeded' | 'Failed' }
  /** Everything that was made for the pod is removed. */
  | { readonly name: 'gone' };
