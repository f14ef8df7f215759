import type { MeshConfig } from '../config/mesh-config.ts';
import { fullHost } from '../config/mesh-config.ts';
import { hasLabels, selects, type App } from './workloads.ts';

/** Finds the application, and where it can the version, that a host leads to. */
export class HostIndex {
  readonly #apps = new Map<string, App>();
  readonly #config: MeshConfig;

  constructor(apps: readonly App[], config: MeshConfig) {
    this.#config = config;
    for (const app of apps) for (const host of hostsOf(app)) this.#apps.set(host, app);
  }

  app(host: string): App | undefined {
    return this.#apps.get(host);
  }

  /** The version whose pods are all of the host's, or of its subset; undefined where several are. */
  version(host: string, subset: string, workload: string): string | undefined {
    const app = this.#apps.get(host);
    if (app === undefined || app.versions.length < 2) return undefined;
    if (workload !== '') {
      const [namespace, name = ''] = workload.split('/');
      if (namespace !== app.namespace) return undefined;
      return app.versions.find((version) => version.workloads.includes(name))?.name;
    }
    if (subset !== '') return this.versionsOfSubset(host, subset)[0];
    const service = app.services.find(({ metadata }) => fullHost(metadata.name, metadata.namespace) === host);
    if (service === undefined) return undefined;
    const selected = app.versions.filter(({ pods }) => pods.some((pod) => selects(service, pod)));
    return selected.length === 1 ? selected[0]?.name : undefined;
  }

  /** Names of the versions that have pods of a subset. */
  versionsOfSubset(host: string, subset: string): string[] {
    const app = this.#apps.get(host);
    for (const rule of this.#config.view.destinationRules) {
      if (fullHost(rule.spec.host, rule.metadata.namespace) !== host) continue;
      const found = rule.spec.subsets?.find(({ name }) => name === subset);
      if (found === undefined) continue;
      const labels = found.labels ?? {};
      return (app?.versions ?? [])
        .filter(({ pods }) => pods.some((pod) => hasLabels(pod, labels)))
        .map(({ name }) => name);
    }
    return [];
  }
}

/** The full names of the services that lead to an application. */
export function hostsOf(app: App): string[] {
  return app.services.map(({ metadata }) => fullHost(metadata.name, metadata.namespace));
}
