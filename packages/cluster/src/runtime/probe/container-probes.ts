import type { Container, Probe } from '@lateen/kube';
import { ProbeLoop } from './probe-loop.ts';
import type { ProbeTarget } from './probe-target.ts';
import { runProbe } from './run-probe.ts';

export type ProbeKind = 'Startup' | 'Readiness' | 'Liveness';

export interface ContainerProbesOptions {
  readonly container: Container;
  readonly target: ProbeTarget;
  /** Called once, when the container counts as started. */
  readonly onStarted: () => void;
  readonly onReady: (ready: boolean) => void;
  /** Called with each failure that counts. */
  readonly onUnhealthy: (kind: ProbeKind, message: string) => void;
  /** Called when the container is to be restarted. */
  readonly onDead: (kind: ProbeKind) => void;
}

/** The probes of one run of a container: startup first, then readiness and liveness side by side. */
export class ContainerProbes {
  readonly #options: ContainerProbesOptions;
  readonly #loops: ProbeLoop[] = [];

  constructor(options: ContainerProbesOptions) {
    this.#options = options;
    const { startupProbe } = options.container;
    if (startupProbe === undefined) this.#begin();
    else {
      this.#loop('Startup', startupProbe, true, (healthy) => {
        this.close();
        if (healthy) this.#begin();
        else options.onDead('Startup');
      });
    }
  }

  close(): void {
    for (const loop of this.#loops.splice(0)) loop.close();
  }

  #begin(): void {
    const { container, onStarted, onReady, onDead } = this.#options;
    const { readinessProbe, livenessProbe } = container;
    onStarted();
    if (readinessProbe === undefined) onReady(true);
    else this.#loop('Readiness', readinessProbe, true, onReady);
    if (livenessProbe !== undefined) {
      this.#loop('Liveness', livenessProbe, false, (healthy) => {
        if (!healthy) onDead('Liveness');
      });
    }
  }

  #loop(kind: ProbeKind, probe: Probe, eager: boolean, onVerdict: (healthy: boolean) => void): void {
    const { target, onUnhealthy } = this.#options;
    this.#loops.push(
      new ProbeLoop({
        probe,
        eager,
        clock: target.clock,
        run: () => runProbe(probe, target),
        onVerdict,
        onFailure: (message) => onUnhealthy(kind, message),
      }),
    );
  }
}
