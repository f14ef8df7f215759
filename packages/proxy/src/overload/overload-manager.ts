import { readFileSync } from 'node:fs';
import { messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import type {
  OverloadAction,
  OverloadActionName,
  OverloadConfig,
  OverloadMonitor,
  OverloadTrigger,
} from '../model/overload.ts';
import type { StatGroup, StatVisitor } from '../telemetry/stat-group.ts';
import { ControlGroup, controlGroupPath } from './control-group.ts';
import { cpuUtilization, groupWork, hostWork } from './cpu-utilization.ts';
import { OverloadState } from './overload-state.ts';
import { anonymousBytes } from './process-memory.ts';

/** How often memory is given back while it is short (Envoy shrinks its heap as often). */
const shrinkEveryMs = 10_000;

export interface OverloadManagerOptions {
  readonly config: OverloadConfig;
  readonly clock: Clock;
  readonly log: Logger;
  /** Gives memory back to the system. */
  readonly shrinkHeap: () => void;
  /** Default: that of this container. */
  readonly controlGroup?: string;
}

/** How much of a resource is used, read anew at each refresh. */
interface Resource {
  readonly read: () => number;
  pressure: number;
  failedUpdates: number;
  /** False since it could not be read. */
  isReadable: boolean;
}

const shares = {
  'envoy.overload_actions.stop_accepting_requests': 'stopAcceptingRequests',
  'envoy.overload_actions.disable_http_keepalive': 'disableHttpKeepalive',
  'envoy.overload_actions.reject_incoming_connections': 'rejectIncomingConnections',
} as const satisfies Partial<Record<OverloadActionName, keyof OverloadState>>;

/** Looks at what may run out, and says what is to be done about it (Envoy, "Overload manager"). */
export class OverloadManager implements StatGroup {
  readonly prefix = 'overload.';
  readonly prometheusPrefix = 'envoy_overload_';
  readonly labels = {};
  readonly state = new OverloadState();
  readonly #options: OverloadManagerOptions;
  readonly #resources = new Map<string, Resource>();
  readonly #scale = new Map<OverloadActionName, number>();
  readonly #timer: Timer;
  #shrunkMs = Number.NEGATIVE_INFINITY;

  constructor(options: OverloadManagerOptions) {
    this.#options = options;
    const { config, clock } = options;
    for (const monitor of config.monitors) {
      if (monitor.kind === 'downstream_connections') {
        this.state.maxDownstreamConnections = monitor.maxConnections;
        continue;
      }
      const read = readerOf(monitor, options);
      this.#resources.set(monitor.name, { read, pressure: 0, failedUpdates: 0, isReadable: true });
    }
    for (const { name } of config.actions) this.#scale.set(name, 0);
    this.#timer = clock.every(config.refreshIntervalMs, () => this.#refresh());
  }

  close(): void {
    this.#timer.cancel();
  }

  visit(visitor: StatVisitor): void {
    for (const [name, { pressure, failedUpdates }] of this.#resources) {
      visitor.number(`${name}.pressure`, 'gauge', Math.round(100 * pressure));
      visitor.number(`${name}.failed_updates`, 'counter', failedUpdates);
    }
    for (const [name, scale] of this.#scale) {
      visitor.number(`${name}.active`, 'gauge', scale === 1 ? 1 : 0);
      visitor.number(`${name}.scale_percent`, 'gauge', Math.round(100 * scale));
    }
  }

  resetCounters(): void {
    for (const resource of this.#resources.values()) resource.failedUpdates = 0;
  }

  #refresh(): void {
    for (const [name, resource] of this.#resources) this.#look(name, resource);
    for (const action of this.#options.config.actions) this.#act(action);
  }

  #look(name: string, resource: Resource): void {
    const { log } = this.#options;
    const wasReadable = resource.isReadable;
    try {
      resource.pressure = resource.read();
      resource.isReadable = true;
      if (!wasReadable) log.info('a resource can be looked at again', { resource: name });
    } catch (error) {
      // As it was: what cannot be read is neither good nor bad news.
      resource.failedUpdates++;
      resource.isReadable = false;
      if (wasReadable)
        log.warn('a resource cannot be looked at', { resource: name, error: messageOf(error) });
    }
  }

  #act({ name, triggers }: OverloadAction): void {
    const scale = Math.max(0, ...triggers.map((one) => this.#scaleOf(one)));
    const before = this.#scale.get(name);
    this.#scale.set(name, scale);
    if ((before === 1) !== (scale === 1)) {
      this.#options.log.warn(scale === 1 ? 'overload action active' : 'overload action inactive', {
        action: name,
      });
    }
    if (name !== 'envoy.overload_actions.shrink_heap') {
      this.state[shares[name]] = scale;
      return;
    }
    const nowMs = this.#options.clock.monotonicMs();
    if (scale < 1 || nowMs - this.#shrunkMs < shrinkEveryMs) return;
    this.#shrunkMs = nowMs;
    this.#options.shrinkHeap();
  }

  #scaleOf({ resource, scalingAt, saturatedAt }: OverloadTrigger): number {
    const pressure = this.#resources.get(resource)?.pressure ?? 0;
    if (pressure >= saturatedAt) return 1;
    return pressure <= scalingAt ? 0 : (pressure - scalingAt) / (saturatedAt - scalingAt);
  }
}

/** How a resource is looked at. */
function readerOf(
  monitor: Exclude<OverloadMonitor, { kind: 'downstream_connections' }>,
  { clock, controlGroup = controlGroupPath }: OverloadManagerOptions,
): () => number {
  switch (monitor.kind) {
    case 'fixed_heap':
      return () => anonymousBytes() / monitor.maxHeapBytes;
    case 'cpu_utilization':
      return cpuUtilization(
        monitor.of === 'host' ? hostWork : groupWork(new ControlGroup(controlGroup), clock),
      );
    case 'cgroup_memory': {
      const group = new ControlGroup(controlGroup);
      const { maxMemoryBytes = Infinity } = monitor;
      return () => group.memoryBytes() / Math.min(maxMemoryBytes, group.memoryLimitBytes());
    }
    default:
      return () => pressureIn(monitor.file);
  }
}

function pressureIn(file: string): number {
  const text = readFileSync(file, 'utf8').trim();
  const pressure = Number(text);
  if (text === '' || !(pressure >= 0 && pressure <= 1))
    throw new Error(`${file} holds no number from 0 to 1`);
  return pressure;
}
