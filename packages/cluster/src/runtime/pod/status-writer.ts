import { messageOf, type Clock, type Logger } from '@lateen/core';
import { isStatus, resources, type KubeClient, type Pod, type PodStatus } from '@lateen/kube';

const retryMs = 500;

/** Writes a pod's status to the API: only when it is another, one write at a time, and always the newest. */
export class StatusWriter {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metadata: Pod['metadata'];
  readonly #current: () => PodStatus;
  #written = '';
  #again = false;
  #stopped = false;
  #last: Promise<void> | undefined;

  /** `current` gives the status as it is at the moment of writing. */
  constructor(client: KubeClient, clock: Clock, logger: Logger, pod: Pod, current: () => PodStatus) {
    this.#client = client;
    this.#clock = clock;
    this.#logger = logger;
    this.#metadata = pod.metadata;
    this.#current = current;
  }

  /** To be called when the status may be another. */
  changed(): void {
    if (this.#stopped) return;
    this.#again = true;
    // At the end of the turn: several changes at once make one write.
    this.#last ??= Promise.resolve().then(() => this.#write());
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await this.#last;
  }

  stop(): void {
    this.#stopped = true;
  }

  async #write(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      const status = this.#current();
      const text = JSON.stringify(status);
      if (text === this.#written) continue;
      const { namespace, name, uid } = this.#metadata;
      try {
        const patch = { metadata: { uid }, status };
        await this.#client.patch(resources.pods, namespace, name, 'merge', patch, { subresource: 'status' });
        this.#written = text;
      } catch (error) {
        if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict')) break;
        this.#logger.warn('a pod status was not written', { pod: name, error: messageOf(error) });
        this.#clock.after(retryMs, () => this.changed());
        break;
      }
    }
    this.#last = undefined;
  }
}
