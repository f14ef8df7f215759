import { parseMeshConfig } from '@lateen/config';
import { formatProblem, type Clock, type Logger } from '@lateen/core';
import { informer, resources, type ConfigMap, type KubeClient } from '@lateen/kube';
import { defaultInjectionValues } from '../inject/injection-values.ts';
import { readInjectorConfig } from '../inject/injector-config.ts';
import type { InjectionSettings } from '../webhook/review-pod.ts';

export interface InjectionSettingsOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly revision: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The settings of injection, kept in step with ConfigMaps `istio` and `istio-sidecar-injector`. */
export interface FollowedInjectionSettings {
  /** The last good ones. */
  readonly current: InjectionSettings;
  /** Resolves when both ConfigMaps have been read. */
  readonly synced: Promise<void>;
  close(): Promise<void>;
}

/** Follows the two ConfigMaps; what cannot be read is logged and the last good settings stay. */
export function followInjectionSettings(options: InjectionSettingsOptions): FollowedInjectionSettings {
  const { client, namespace, revision, clock, logger } = options;
  const suffix = revision === 'default' || revision === '' ? '' : `-${revision}`;
  let current: InjectionSettings = {
    mesh: {},
    values: { ...defaultInjectionValues, istioNamespace: namespace, revision: revision || 'default' },
  };
  const follow = (name: string, read: (data: Record<string, string>) => void) =>
    informer<ConfigMap>({
      client,
      resource: resources.configMaps,
      selection: { namespace, fieldSelector: `metadata.name=${name}` },
      clock,
      logger,
      onChange: (change) => {
        // A ConfigMap that goes away leaves the settings as they were.
        if (change.type !== 'deleted') read(change.object.data ?? {});
      },
    });
  const complain = (name: string, problems: Parameters<typeof formatProblem>[0][]): void =>
    logger.warn(`ConfigMap ${name} is wrong; the last good one stays in force`, {
      problems: problems.map(formatProblem).join('; '),
    });
  const mesh = follow(`istio${suffix}`, (data) => {
    const decoded = parseMeshConfig(data['mesh'] ?? '');
    if (decoded.ok) current = { ...current, mesh: decoded.value };
    else complain(`istio${suffix}`, [...decoded.problems]);
  });
  const injector = follow(`istio-sidecar-injector${suffix}`, (data) => {
    const decoded = readInjectorConfig(data);
    if (decoded.ok) current = { ...current, values: decoded.value };
    else complain(`istio-sidecar-injector${suffix}`, [...decoded.problems]);
  });
  return {
    get current() {
      return current;
    },
    synced: Promise.all([mesh.synced, injector.synced]).then(() => undefined),
    async close() {
      await Promise.all([mesh.close(), injector.close()]);
    },
  };
}
