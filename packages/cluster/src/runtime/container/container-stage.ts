import type { ContainerState, ContainerStatus } from '@lateen/kube';

/** Where a container is in its life. */
export type ContainerStage =
  | { readonly name: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly name: 'running'; readonly startedMs: number; readonly id: string; readonly imageId: string }
  | {
      readonly name: 'terminated';
      readonly startedMs: number;
      readonly finishedMs: number;
      readonly id: string;
      readonly imageId: string;
      readonly exitCode: number;
      readonly reason: string;
      readonly message: string;
    };

/** A moment as the API writes it. */
export function apiTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** A stage as the `state` of a status. */
export function containerState(stage: ContainerStage): ContainerState {
  if (stage.name === 'waiting') {
    const { reason, message } = stage;
    return { waiting: { reason, ...(message === undefined ? {} : { message }) } };
  }
  const startedAt = apiTime(stage.startedMs);
  if (stage.name === 'running') return { running: { startedAt } };
  const { exitCode, reason, message, id } = stage;
  return {
    terminated: {
      exitCode,
      reason,
      ...(message === '' ? {} : { message }),
      startedAt,
      finishedAt: apiTime(stage.finishedMs),
      containerID: id,
    },
  };
}

/** What a supervisor knows about its container. */
export interface ContainerView {
  readonly name: string;
  readonly image: string;
  readonly stage: ContainerStage;
  /** How the run before ended. */
  readonly last: ContainerState | undefined;
  /** Its id; shown while there is no other. */
  readonly lastId: string | undefined;
  readonly restartCount: number;
  readonly started: boolean;
  readonly ready: boolean;
}

export function containerStatus(view: ContainerView): ContainerStatus {
  const { stage } = view;
  const id = stage.name === 'waiting' ? view.lastId : stage.id;
  return {
    name: view.name,
    state: containerState(stage),
    lastState: view.last ?? {},
    ready: view.ready,
    started: view.started,
    restartCount: view.restartCount,
    image: view.image,
    imageID: stage.name === 'waiting' ? '' : stage.imageId,
    ...(id === undefined ? {} : { containerID: id }),
  };
}
