import { createHash } from 'node:crypto';
import { LateenError, messageOf } from '@lateen/core';
import type { Container, ContainerState, ContainerStatus } from '@lateen/kube';
import { ContainerProbes } from '../probe/container-probes.ts';
import { startRun, type ContainerRun, type PodSurroundings } from './container-run.ts';
import { containerStatus, type ContainerStage } from './container-stage.ts';
import { endRun } from './end-run.ts';
import { runHook } from './lifecycle-hook.ts';
import { formatDelay, RestartDelay } from './restart-delay.ts';
import { runTarget } from './run-target.ts';
import { exitCodeOf } from './signals.ts';
import { Wake } from './wake.ts';

export interface SupervisorOptions {
  readonly container: Container;
  readonly surroundings: PodSurroundings;
  /** When to start the container again after it has ended. */
  readonly restart: 'always' | 'on-failure' | 'never';
  /** What the API says from an earlier life of the node. */
  readonly before: ContainerStatus | undefined;
  /** Shown until the first start. */
  readonly waitingReason: 'ContainerCreating' | 'PodInitializing';
  /** Called whenever the status is another. */
  readonly onChange: () => void;
}

/** How often a start that failed for lack of something is tried again, without a hint that it may work. */
const retryMs = 2_000;

/** A `postStart` has no limit of its own. */
const longestHookMs = 3_600_000;

/** The state of a run that ended with the node. */
function lostRun(before: ContainerStatus): ContainerState {
  if (before.state?.terminated !== undefined) return before.state;
  if (before.state?.waiting !== undefined && before.lastState?.terminated !== undefined)
    return before.lastState;
  const startedAt = before.state?.running?.startedAt;
  return {
    terminated: {
      exitCode: 255,
      reason: 'Unknown',
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(before.containerID === undefined ? {} : { containerID: before.containerID }),
    },
  };
}

/** Keeps one container of a pod running, by its restart policy, until told to stop. */
export class ContainerSupervisor {
  readonly container: Container;
  readonly #options: SupervisorOptions;
  /** Called when a start may have become possible. */
  readonly #possible = new Wake();
  /** Called when the container is to stop. */
  readonly #stopped = new Wake();
  readonly #delay: RestartDelay;
  readonly #firstStart = Promise.withResolvers<void>();
  readonly #firstProcess = Promise.withResolvers<void>();
  #stage: ContainerStage;
  #last: ContainerState | undefined;
  #lastId: string | undefined;
  #restartCount = 0;
  #started = false;
  #ready = false;
  #run: ContainerRun | undefined;
  /** The run whose program has been started and has not ended. */
  #alive: ContainerRun | undefined;
  #previous: ContainerRun | undefined;
  #probes: ContainerProbes | undefined;
  #stopping = false;
  #finished: Promise<void> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.container = options.container;
    this.#delay = new RestartDelay(options.surroundings.node.clock);
    this.#stage = { name: 'waiting', reason: options.waitingReason };
    const { before } = options;
    if (before?.containerID !== undefined) {
      this.#restartCount = before.restartCount + 1;
      this.#last = lostRun(before);
      this.#lastId = before.containerID;
    }
  }

  get status(): ContainerStatus {
    return containerStatus({
      name: this.container.name,
      image: this.container.image ?? '',
      stage: this.#stage,
      last: this.#last,
      lastId: this.#lastId,
      restartCount: this.#restartCount,
      started: this.#started,
      ready: this.#ready,
    });
  }

  get stage(): ContainerStage {
    return this.#stage;
  }

  /** The present run, or the one that ended last. */
  get run(): ContainerRun | undefined {
    return this.#run;
  }

  /** The run before the present one. */
  get previousRun(): ContainerRun | undefined {
    return this.#previous;
  }

  /** Resolves when the program runs, with its `postStart` done, or never will. */
  get launched(): Promise<void> {
    return this.#firstProcess.promise;
  }

  /** Resolves when the container counts as started (its startup probe agreed), or never will. */
  get firstStarted(): Promise<void> {
    return this.#firstStart.promise;
  }

  /** Runs the container; resolves when it will not be started again. */
  start(): Promise<void> {
    this.#finished = this.#live().finally(() => {
      this.#firstProcess.resolve();
      this.#firstStart.resolve();
    });
    return this.#finished;
  }

  /** Something that a start may have waited for is there now. */
  retry(): void {
    this.#possible.call();
  }

  /** Ends the container: its `preStop`, SIGTERM, and SIGKILL when `graceMs` are over. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#possible.call();
    this.#stopped.call();
    if (this.#alive !== undefined) await this.#end(this.#alive, graceMs);
    await this.#finished;
  }

  async #live(): Promise<void> {
    while (!this.#stopping) {
      const run = await this.#launch();
      if (run === undefined) return;
      const startedMs = this.#options.surroundings.node.clock.now();
      const exitCode = await this.#watch(run, startedMs);
      if (this.#stopping || !this.#shallRestart(exitCode)) return;
      await this.#backOff(this.#delay.after(startedMs));
      if (this.#stopping) return;
      if (this.#stage.name === 'terminated') this.#last = this.status.state;
      this.#restartCount++;
    }
  }

  #shallRestart(exitCode: number): boolean {
    const { restart } = this.#options;
    return restart === 'always' || (restart === 'on-failure' && exitCode !== 0);
  }

  /** Starts the program, waiting for whatever it lacks; undefined where the container was stopped meanwhile. */
  async #launch(): Promise<ContainerRun | undefined> {
    const { surroundings } = this.#options;
    while (!this.#stopping) {
      try {
        this.#previous = this.#run;
        const run = await startRun(this.container, surroundings, this.#restartCount, this.#newId());
        this.#run = run;
        this.#alive = run;
        if (this.#stopping) run.process.kill('SIGKILL');
        this.#event(
          'Normal',
          'Pulled',
          `Container image "${this.container.image}" already present on machine`,
        );
        this.#event('Normal', 'Created', `Created container: ${this.container.name}`);
        return run;
      } catch (error) {
        if (!(error instanceof LateenError)) {
          surroundings.node.logger.error('a container could not be made', {
            container: this.container.name,
            error: error instanceof Error ? error.stack : String(error),
          });
        }
        const reason = error instanceof LateenError ? error.code : 'CreateContainerError';
        const message = messageOf(error);
        if (this.#stage.name !== 'waiting' || this.#stage.message !== message) {
          this.#event('Warning', 'Failed', `Error: ${message}`);
          this.#enter({ name: 'waiting', reason, message });
        }
        await this.#possible.wait(surroundings.node.clock, retryMs);
      }
    }
    return undefined;
  }

  /** Follows a run to its end; resolves with its exit code. */
  async #watch(run: ContainerRun, startedMs: number): Promise<number> {
    const { node } = this.#options.surroundings;
    let failure: string | undefined;
    try {
      await run.process.started;
      this.#event('Normal', 'Started', `Started container ${this.container.name}`);
      this.#enter({ name: 'running', startedMs, id: run.id, imageId: run.imageId });
      void this.#afterStart(run);
    } catch (error) {
      failure = messageOf(error);
      this.#event(
        'Warning',
        'Failed',
        `Error: failed to start container "${this.container.name}": ${failure}`,
      );
    }
    const exit = await run.process.exited;
    this.#alive = undefined;
    this.#probes?.close();
    this.#probes = undefined;
    await run.logged;
    const exitCode = failure === undefined ? exitCodeOf(exit) : 128;
    const message = failure ?? run.terminationMessage(exitCode !== 0);
    run.cleanUp();
    this.#lastId = run.id;
    this.#started = false;
    this.#ready = false;
    this.#enter({
      name: 'terminated',
      startedMs,
      finishedMs: node.clock.now(),
      id: run.id,
      imageId: run.imageId,
      exitCode,
      reason: failure === undefined ? (exitCode === 0 ? 'Completed' : 'Error') : 'StartError',
      message,
    });
    return exitCode;
  }

  async #afterStart(run: ContainerRun): Promise<void> {
    const hook = this.container.lifecycle?.postStart;
    if (hook !== undefined) {
      const outcome = await runHook(
        hook,
        runTarget(this.container, run, this.#options.surroundings),
        longestHookMs,
      );
      if (this.#stage.name !== 'running' || this.#run !== run) return;
      if (!outcome.ok) {
        this.#event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${outcome.message}`);
        await this.#kill(run, 'failed postStart hook');
        return;
      }
    }
    if (this.#run !== run || this.#stage.name !== 'running') return;
    this.#firstProcess.resolve();
    this.#probes = new ContainerProbes({
      container: this.container,
      target: runTarget(this.container, run, this.#options.surroundings),
      onStarted: () => {
        this.#started = true;
        this.#firstStart.resolve();
        this.#options.onChange();
      },
      onReady: (ready) => {
        this.#ready = ready;
        const { node, facts } = this.#options.surroundings;
        const container = this.container.name;
        node.logger.debug(ready ? 'ready' : 'not ready', { pod: facts().pod.metadata.name, container });
        this.#options.onChange();
      },
      onUnhealthy: (kind, message) => this.#event('Warning', 'Unhealthy', `${kind} probe failed: ${message}`),
      onDead: (kind) => void this.#kill(run, `failed ${kind.toLowerCase()} probe`),
    });
  }

  /** Ends a run that is to be replaced. */
  async #kill(run: ContainerRun, why: string): Promise<void> {
    const { pod } = this.#options.surroundings.facts();
    this.#event('Normal', 'Killing', `Container ${this.container.name} ${why}, will be restarted`);
    await this.#end(run, (pod.spec.terminationGracePeriodSeconds ?? 30) * 1000);
  }

  async #end(run: ContainerRun, graceMs: number): Promise<void> {
    const { clock } = this.#options.surroundings.node;
    if (this.#stopping) this.#event('Normal', 'Killing', `Stopping container ${this.container.name}`);
    this.#probes?.close();
    this.#ready = false;
    await endRun(run, {
      graceMs,
      clock,
      preStop: this.container.lifecycle?.preStop,
      target: runTarget(this.container, run, this.#options.surroundings),
      onHookFailure: (message) =>
        this.#event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${message}`),
    });
  }

  async #backOff(delayMs: number): Promise<void> {
    if (delayMs === 0) return;
    const { facts, node } = this.#options.surroundings;
    const { pod } = facts();
    const { name, namespace, uid } = pod.metadata;
    const place = `container=${this.container.name} pod=${name}_${namespace}(${uid})`;
    this.#last = this.status.state;
    this.#event(
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${this.container.name} in pod ${name}_${namespace}(${uid})`,
    );
    this.#enter({
      name: 'waiting',
      reason: 'CrashLoopBackOff',
      message: `back-off ${formatDelay(delayMs)} restarting failed ${place}`,
    });
    await this.#stopped.wait(node.clock, delayMs);
  }

  #newId(): string {
    const { uid } = this.#options.surroundings.facts().pod.metadata;
    const seed = `${uid} ${this.container.name} ${this.#restartCount} ${this.#options.surroundings.node.clock.now()}`;
    return `lateen://${createHash('sha256').update(seed).digest('hex')}`;
  }

  #enter(stage: ContainerStage): void {
    this.#stage = stage;
    const { node, facts } = this.#options.surroundings;
    node.logger.debug(stage.name, {
      pod: facts().pod.metadata.name,
      container: this.container.name,
      reason: stage.name === 'running' ? undefined : stage.reason,
    });
    this.#options.onChange();
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { facts, node } = this.#options.surroundings;
    const { pod } = facts();
    const isInit = pod.spec.initContainers?.some((c) => c.name === this.container.name) === true;
    const field = `spec.${isInit ? 'initContainers' : 'containers'}{${this.container.name}}`;
    node.events.record(pod, type, reason, message, field);
  }
}
