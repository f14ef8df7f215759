import * as overload from '@lateen/protocol/envoy/config/overload/v3';
import * as group from '@lateen/protocol/envoy/extensions/resource_monitors/cgroup_memory/v3';
import * as cpu from '@lateen/protocol/envoy/extensions/resource_monitors/cpu_utilization/v3';
import * as connections from '@lateen/protocol/envoy/extensions/resource_monitors/downstream_connections/v3';
import * as heap from '@lateen/protocol/envoy/extensions/resource_monitors/fixed_heap/v3';
import * as injected from '@lateen/protocol/envoy/extensions/resource_monitors/injected_resource/v3';
import type {
  OverloadAction,
  OverloadActionName,
  OverloadConfig,
  OverloadMonitor,
  OverloadTrigger,
} from '../model/overload.ts';
import { fieldPolicy } from './field-policy.ts';
import { typeNameOf } from './typed-any.ts';
import type { Scope } from './scope.ts';

const managerPolicy = fieldPolicy(
  overload.OverloadManager,
  ['refreshInterval', 'resourceMonitors', 'actions'],
  { bufferFactoryConfig: 'buffers are not accounted for by stream' },
);
const monitorPolicy = fieldPolicy(overload.ResourceMonitor, ['name', 'typedConfig']);
const actionPolicy = fieldPolicy(overload.OverloadAction, ['name', 'triggers']);
const triggerPolicy = fieldPolicy(overload.Trigger, ['name', 'threshold', 'scaled']);
const thresholdPolicy = fieldPolicy(overload.ThresholdTrigger, ['value']);
const scaledPolicy = fieldPolicy(overload.ScaledTrigger, ['scalingThreshold', 'saturationThreshold']);
const heapPolicy = fieldPolicy(heap.FixedHeapConfig, ['maxHeapSizeBytes']);
const injectedPolicy = fieldPolicy(injected.InjectedResourceConfig, ['filename']);
const cpuPolicy = fieldPolicy(cpu.CpuUtilizationConfig, ['mode']);
const groupPolicy = fieldPolicy(group.CgroupMemoryConfig, ['maxMemoryBytes']);
const connectionsPolicy = fieldPolicy(connections.DownstreamConnectionsConfig, [
  'maxActiveDownstreamConnections',
]);

export const overloadPolicies = [
  managerPolicy,
  monitorPolicy,
  actionPolicy,
  triggerPolicy,
  thresholdPolicy,
  scaledPolicy,
  heapPolicy,
  injectedPolicy,
  cpuPolicy,
  groupPolicy,
  connectionsPolicy,
];

const cpuModes = { HOST: 'host', CONTAINER: 'container' } as const;

const actionNames: readonly OverloadActionName[] = [
  'envoy.overload_actions.stop_accepting_requests',
  'envoy.overload_actions.disable_http_keepalive',
  'envoy.overload_actions.reject_incoming_connections',
  'envoy.overload_actions.shrink_heap',
];

/** The overload manager of a bootstrap; what it cannot do here is refused, so that nobody counts on it. */
export function decodeOverload(scope: Scope, message: overload.OverloadManager): OverloadConfig {
  scope.check(managerPolicy, message);
  const monitors = (message.resourceMonitors ?? []).flatMap(
    (one, i) => decodeMonitor(scope.at('resourceMonitors').at(i), one) ?? [],
  );
  const names = new Set(
    monitors.filter(({ kind }) => kind !== 'downstream_connections').map(({ name }) => name),
  );
  const actions = (message.actions ?? []).flatMap(
    (one, i) => decodeAction(scope.at('actions').at(i), one, names) ?? [],
  );
  return { refreshIntervalMs: message.refreshInterval ?? 1_000, monitors, actions };
}

function decodeMonitor(scope: Scope, message: overload.ResourceMonitor): OverloadMonitor | undefined {
  scope.check(monitorPolicy, message);
  const { name = '', typedConfig } = message;
  const at = scope.at('typedConfig');
  switch (typeNameOf(typedConfig)) {
    case heap.FixedHeapConfig.typeName: {
      const config = at.unpack(heap.FixedHeapConfig, typedConfig) ?? {};
      at.check(heapPolicy, config);
      return { kind: 'fixed_heap', name, maxHeapBytes: config.maxHeapSizeBytes ?? 0 };
    }
    case injected.InjectedResourceConfig.typeName: {
      const config = at.unpack(injected.InjectedResourceConfig, typedConfig) ?? {};
      at.check(injectedPolicy, config);
      return { kind: 'injected', name, file: config.filename ?? '' };
    }
    case cpu.CpuUtilizationConfig.typeName: {
      const config = at.unpack(cpu.CpuUtilizationConfig, typedConfig) ?? {};
      at.check(cpuPolicy, config);
      return { kind: 'cpu_utilization', name, of: at.at('mode').choice(config.mode, cpuModes, 'host') };
    }
    case group.CgroupMemoryConfig.typeName: {
      const config = at.unpack(group.CgroupMemoryConfig, typedConfig) ?? {};
      const { maxMemoryBytes } = config;
      at.check(groupPolicy, config);
      if (maxMemoryBytes === undefined) return { kind: 'cgroup_memory', name };
      if (maxMemoryBytes === 0) at.at('maxMemoryBytes').fail('must be more than 0');
      return { kind: 'cgroup_memory', name, maxMemoryBytes };
    }
    case connections.DownstreamConnectionsConfig.typeName: {
      const config = at.unpack(connections.DownstreamConnectionsConfig, typedConfig) ?? {};
      at.check(connectionsPolicy, config);
      const maxConnections = config.maxActiveDownstreamConnections ?? 0;
      return { kind: 'downstream_connections', name, maxConnections };
    }
    default:
      scope.fail(
        `resource monitor "${name}" is not supported: use fixed_heap, cgroup_memory, cpu_utilization, injected_resource or downstream_connections`,
      );
      return undefined;
  }
}

function decodeAction(
  scope: Scope,
  message: overload.OverloadAction,
  resources: ReadonlySet<string>,
): OverloadAction | undefined {
  scope.check(actionPolicy, message);
  const name = actionNames.find((one) => one === message.name);
  if (name === undefined) {
    const known = actionNames.map((one) => one.slice(one.lastIndexOf('.') + 1)).join(', ');
    scope.at('name').fail(`"${message.name ?? ''}" is not supported: use one of ${known}`);
    return undefined;
  }
  const triggers = (message.triggers ?? []).map((one, i) =>
    decodeTrigger(scope.at('triggers').at(i), one, resources),
  );
  return { name, triggers };
}

function decodeTrigger(
  scope: Scope,
  message: overload.Trigger,
  resources: ReadonlySet<string>,
): OverloadTrigger {
  scope.check(triggerPolicy, message);
  const resource = message.name ?? '';
  if (!resources.has(resource)) scope.at('name').fail(`there is no resource monitor "${resource}"`);
  const { threshold, scaled } = message;
  if (scaled === undefined) {
    scope.at('threshold').check(thresholdPolicy, threshold ?? {});
    const at = threshold?.value ?? 0;
    return { resource, scalingAt: at, saturatedAt: at };
  }
  scope.at('scaled').check(scaledPolicy, scaled);
  const { scalingThreshold: scalingAt = 0, saturationThreshold: saturatedAt = 0 } = scaled;
  if (scalingAt >= saturatedAt) {
    scope.at('scaled').at('scalingThreshold').fail(`${scalingAt} is not below saturation_threshold`);
  }
  return { resource, scalingAt, saturatedAt };
}
