import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LateenError, messageOf } from '@lateen/core';
import {
  isPodFinished,
  resources,
  type Container,
  type ContainerStatus,
  type Pod,
  type PodStatus,
} from '@lateen/kube';
import type { NamespaceSwitch } from '../../linux/namespaces.ts';
import { createPodNetwork, type PodNetwork } from '../../network/pod-network.ts';
import type { PodSurroundings } from '../container/container-run.ts';
import { ContainerSupervisor } from '../container/supervisor.ts';
import { Wake } from '../container/wake.ts';
import type { NodeParts } from '../node-parts.ts';
import { PodVolumes } from '../volume/pod-volumes.ts';
import type { PodFacts } from './pod-facts.ts';
import { podFiles, podHostname } from './pod-files.ts';
import type { PodStage } from './pod-stage.ts';
import { podStatus } from './pod-status.ts';
import { StatusWriter } from './status-writer.ts';

/** How often something that a pod waits for is looked for without a hint that it is there. */
const retryMs = 2_000;

/** An init container that has done its work counts as ready. */
function initStatus(init: ContainerSupervisor): ContainerStatus {
  const { stage, status } = init;
  return stage.name === 'terminated' && stage.exitCode === 0 ? { ...status, ready: true } : status;
}

/** Runs one pod, from its binding to this node to its removal. */
export class PodWorker {
  readonly #node: NodeParts;
  /** On disk: logs and what programs write to `emptyDir`. */
  readonly #diskDir: string;
  /** In memory: everything else. */
  readonly #scratchDir: string;
  readonly #volumes: PodVolumes;
  readonly #status: StatusWriter;
  readonly #startedMs: number;
  readonly #wake = new Wake();
  readonly #inits: ContainerSupervisor[] = [];
  readonly #apps: ContainerSupervisor[] = [];
  readonly #running: Promise<void>;
  #pod: Pod;
  #stage: PodStage = { name: 'preparing' };
  #initialized = false;
  #network: PodNetwork | undefined;
  #stop: Promise<void> | undefined;
  /** The deletion that is being carried out. */
  #deleting: string | undefined;

  constructor(node: NodeParts, pod: Pod) {
    this.#node = node;
    this.#pod = pod;
    this.#startedMs = node.clock.now();
    const own = pod.metadata.uid ?? pod.metadata.name;
    this.#diskDir = join(node.podsDir, own);
    this.#scratchDir = join(node.root.scratchDir, own);
    this.#volumes = new PodVolumes({
      pod,
      diskDir: join(this.#diskDir, 'volumes'),
      memoryDir: join(this.#scratchDir, '.volumes'),
      client: node.client,
      lookup: node.lookup,
      clock: node.clock,
      allowHostPath: node.allowHostPath,
      onDue: () => this.objectsChanged(),
    });
    this.#status = new StatusWriter(node.client, node.clock, node.logger, pod, () => this.#currentStatus());
    if (isPodFinished(pod)) {
      this.#stage = { name: 'finished', phase: pod.status?.phase === 'Failed' ? 'Failed' : 'Succeeded' };
      this.#running = Promise.resolve();
    } else {
      this.#running = this.#live().catch((error: unknown) => {
        node.logger.error('a pod failed', {
          pod: `${pod.metadata.namespace}/${pod.metadata.name}`,
          error: error instanceof Error ? error.stack : String(error),
        });
      });
    }
    this.update(pod);
  }

  get pod(): Pod {
    return this.#pod;
  }

  get stage(): PodStage {
    return this.#stage;
  }

  /** The pod's network, while it has one. */
  get network(): PodNetwork | undefined {
    return this.#network;
  }

  get namespaceSwitch(): NamespaceSwitch {
    return this.#node.switch;
  }

  container(name: string): ContainerSupervisor | undefined {
    return [...this.#inits, ...this.#apps].find((supervisor) => supervisor.container.name === name);
  }

  /** A newer version of the object. */
  update(pod: Pod): void {
    const before = this.#pod;
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) {
      const { deletionGracePeriodSeconds, deletionTimestamp } = pod.metadata;
      if (this.#deleting === deletionTimestamp) return;
      this.#deleting = deletionTimestamp;
      const graceSeconds = deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
      void this.stop(graceSeconds * 1000).then(() => this.#deleteObject());
    } else if (
      before.metadata.labels !== pod.metadata.labels ||
      before.metadata.annotations !== pod.metadata.annotations
    ) {
      this.objectsChanged();
    }
  }

  /** A config map, a secret or a token that the pod may use is another now. */
  objectsChanged(): void {
    this.#wake.call();
    for (const supervisor of [...this.#inits, ...this.#apps]) supervisor.retry();
    if (this.#network === undefined || this.#stage.name === 'gone') return;
    this.#volumes.update(this.#facts()).catch((error: unknown) => {
      this.#node.logger.warn('a volume was not updated', {
        pod: this.#pod.metadata.name,
        error: messageOf(error),
      });
    });
  }

  /** Ends the containers and removes what was made for the pod; the object stays. */
  stop(graceMs: number): Promise<void> {
    this.#stop ??= this.#tearDown(graceMs);
    return this.#stop;
  }

  /** Ends everything at once; no more is said to the API. */
  kill(): Promise<void> {
    this.#status.stop();
    for (const supervisor of [...this.#inits, ...this.#apps]) supervisor.run?.process.kill('SIGKILL');
    return this.stop(0);
  }

  /** Ends the containers because the node goes down; the API keeps the pod as it was. */
  shutDown(graceMs: number): Promise<void> {
    this.#status.stop();
    return this.stop(graceMs);
  }

  get #stopping(): boolean {
    return this.#stop !== undefined;
  }

  #enter(stage: PodStage): void {
    this.#stage = stage;
    const { namespace, name } = this.#pod.metadata;
    const sinceStartMs = this.#node.clock.now() - this.#startedMs;
    this.#node.logger.debug(stage.name, { pod: `${namespace}/${name}`, sinceStartMs });
    this.#status.changed();
  }

  async #live(): Promise<void> {
    // The constructor is to be over before anything happens.
    await Promise.resolve();
    const { spec, status } = this.#pod;
    const surroundings = await this.#prepare();
    if (surroundings === undefined) return;
    const supervise = (container: Container, restart: 'always' | 'on-failure' | 'never', isApp: boolean) =>
      new ContainerSupervisor({
        container,
        surroundings,
        restart,
        before: (isApp ? status?.containerStatuses : status?.initContainerStatuses)?.find(
          (known) => known.name === container.name,
        ),
        waitingReason: (spec.initContainers ?? []).length > 0 ? 'PodInitializing' : 'ContainerCreating',
        onChange: () => this.#status.changed(),
      });
    const policy = spec.restartPolicy ?? 'Always';
    const own = policy === 'Always' ? 'always' : policy === 'OnFailure' ? 'on-failure' : 'never';
    for (const container of spec.initContainers ?? []) {
      const sidecar = container.restartPolicy === 'Always';
      this.#inits.push(
        supervise(container, sidecar ? 'always' : own === 'never' ? 'never' : 'on-failure', false),
      );
    }
    for (const container of spec.containers) this.#apps.push(supervise(container, own, true));
    this.#enter({ name: 'initializing' });
    if (!(await this.#initialize())) return;
    this.#initialized = true;
    this.#enter({ name: 'running' });
    await this.#runContainers();
  }

  /** Makes volumes and network; undefined where the pod was stopped meanwhile. */
  async #prepare(): Promise<PodSurroundings | undefined> {
    const node = this.#node;
    const { uid = '' } = this.#pod.metadata;
    const shm = join(this.#scratchDir, '.shm');
    mkdirSync(shm, { recursive: true });
    chmodSync(shm, 0o1777);
    this.#status.changed();
    const address = node.addresses.take(uid);
    await this.#prepareVolumes(address);
    if (this.#stopping) return undefined;
    const network = createPodNetwork({
      switch: node.switch,
      podUid: uid,
      hostname: podHostname(this.#pod),
      address,
      gateway: node.nodeAddress,
    });
    this.#network = network;
    this.#status.changed();
    return {
      node,
      scratchDir: this.#scratchDir,
      logsDir: join(this.#diskDir, 'logs'),
      network,
      volumePath: (volume) => this.#volumes.path(volume),
      files: podFiles({
        pod: this.#pod,
        podIP: address,
        dnsAddress: node.dnsAddress,
        clusterDomain: node.clusterDomain,
        hostResolvConf: node.hostResolvConf,
      }),
      facts: () => this.#facts(),
    };
  }

  async #prepareVolumes(address: string): Promise<void> {
    let told = '';
    while (!this.#stopping) {
      try {
        await this.#volumes.update(this.#factsAt(address));
        return;
      } catch (error) {
        if (!(error instanceof LateenError)) throw error;
        if (told !== error.message) this.#node.events.record(this.#pod, 'Warning', error.code, error.message);
        told = error.message;
        await this.#wake.wait(this.#node.clock, retryMs);
      }
    }
  }

  /** Runs the init containers in order; false where the pod ends here. */
  async #initialize(): Promise<boolean> {
    for (const supervisor of this.#inits) {
      const ended = supervisor.start();
      if (supervisor.container.restartPolicy === 'Always') await supervisor.firstStarted;
      else {
        await ended;
        const { stage } = supervisor;
        if (this.#stopping) return false;
        if (stage.name !== 'terminated' || stage.exitCode !== 0) {
          await this.#stopSidecars(30_000);
          this.#enter({ name: 'finished', phase: 'Failed' });
          return false;
        }
      }
      if (this.#stopping) return false;
    }
    return true;
  }

  async #runContainers(): Promise<void> {
    const ends: Promise<void>[] = [];
    for (const supervisor of this.#apps) {
      if (this.#stopping) return;
      ends.push(supervisor.start());
      // The next one starts when this one's hook is done; without a hook there is nothing to wait for.
      if (supervisor.container.lifecycle?.postStart !== undefined) await supervisor.launched;
    }
    await Promise.all(ends);
    if (this.#stopping) return;
    await this.#stopSidecars(30_000);
    const failed = this.#apps.some(({ stage }) => stage.name !== 'terminated' || stage.exitCode !== 0);
    this.#enter({ name: 'finished', phase: failed ? 'Failed' : 'Succeeded' });
  }

  async #stopSidecars(graceMs: number): Promise<void> {
    const untilMs = this.#node.clock.now() + graceMs;
    for (const supervisor of this.#inits.toReversed()) {
      await supervisor.stop(Math.max(0, untilMs - this.#node.clock.now()));
    }
  }

  async #tearDown(graceMs: number): Promise<void> {
    const untilMs = this.#node.clock.now() + graceMs;
    const finished = this.#stage.name === 'finished' ? this.#stage : undefined;
    if (finished === undefined) this.#enter({ name: 'stopping' });
    this.#wake.call();
    await Promise.all(this.#apps.map((supervisor) => supervisor.stop(graceMs)));
    await this.#stopSidecars(Math.max(0, untilMs - this.#node.clock.now()));
    await this.#running;
    this.#network?.close();
    this.#node.addresses.release(this.#pod.metadata.uid ?? '');
    if (finished === undefined) this.#enter({ name: 'gone' });
    await this.#status.flush();
    this.#status.stop();
    this.#volumes.close();
    rmSync(this.#scratchDir, { recursive: true, force: true });
    await rm(this.#diskDir, { recursive: true, force: true });
  }

  async #deleteObject(): Promise<void> {
    const { namespace, name, uid } = this.#pod.metadata;
    try {
      await this.#node.client.delete(resources.pods, namespace, name, {
        gracePeriodSeconds: 0,
        ...(uid === undefined ? {} : { uid }),
      });
    } catch (error) {
      // Gone already, or a new pod has its name.
      this.#node.logger.debug('a pod object was not deleted', { pod: name, error: messageOf(error) });
    }
  }

  #facts(): PodFacts {
    return this.#factsAt(this.#network?.address ?? '');
  }

  #factsAt(podIP: string): PodFacts {
    const { nodeAddress, nodeName, capacity } = this.#node;
    return { pod: this.#pod, podIP, hostIP: nodeAddress, nodeName, capacity };
  }

  #currentStatus(): PodStatus {
    const stage = this.#stage;
    const waiting = (containers: readonly Container[], reason: string) =>
      containers.map((container) => ({
        name: container.name,
        state: { waiting: { reason } },
        lastState: {},
        ready: false,
        started: false,
        restartCount: 0,
        image: container.image ?? '',
        imageID: '',
      }));
    const { initContainers = [], containers } = this.#pod.spec;
    const reason = initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating';
    const made = this.#apps.length > 0;
    return podStatus({
      pod: this.#pod,
      nodeAddress: this.#node.nodeAddress,
      podIP: this.#network?.address,
      startedMs: this.#startedMs,
      nowMs: this.#node.clock.now(),
      initialized: this.#initialized || initContainers.length === 0,
      initContainers: made ? this.#inits.map(initStatus) : waiting(initContainers, reason),
      containers: made ? this.#apps.map((app) => app.status) : waiting(containers, reason),
      finished: stage.name === 'finished' ? stage.phase : undefined,
    });
  }
}
