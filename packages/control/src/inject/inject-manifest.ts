import { isObject, type MeshConfig } from '@lateen/config';
import { ok, problems as failed, type Problem, type Result } from '@lateen/core';
import { decideInjection } from './decision.ts';
import { injectPod, type InjectablePod } from './inject-pod.ts';
import type { InjectionValues } from './injection-values.ts';
import type { WorkloadIdentity } from './workload.ts';

/** An object with the sidecar in its pods; the same object where it has none or they are not injected. */
export interface InjectedManifest {
  readonly object: Record<string, unknown>;
  /** Why pods were left alone, for a warning; undefined where they were not. */
  readonly skipped?: string;
}

/** Where the template of pods stands in each kind. */
const templatePaths: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  DeploymentConfig: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

/**
 * Adds the sidecar to the pods that a manifest describes: `istioctl kube-inject`.
 *
 * Objects without pods come back as they are, the same object. Lists are done element by element.
 */
export function injectManifest(
  object: Record<string, unknown>,
  namespace: string,
  meshConfig: MeshConfig,
  values: InjectionValues,
): Result<InjectedManifest> {
  const kind = typeof object['kind'] === 'string' ? object['kind'] : '';
  if (kind.endsWith('List') && Array.isArray(object['items'])) {
    return injectList(object, object['items'], namespace, meshConfig, values);
  }
  const path = Object.hasOwn(templatePaths, kind) ? templatePaths[kind] : undefined;
  const template = path === undefined ? undefined : at(object, path);
  if (path === undefined || !isPodTemplate(template)) return ok({ object });

  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const own = typeof metadata['namespace'] === 'string' ? metadata['namespace'] : namespace;
  const decision = decideInjection(
    { metadata: template.metadata ?? {}, spec: template.spec, namespace: own },
    values,
  );
  if (!decision.inject) return ok({ object, skipped: decision.reason });
  const workload = kind === 'Pod' ? undefined : workloadOfManifest(object, kind, metadata);
  const injected = injectPod(
    template,
    { namespace: own, ...(workload === undefined ? {} : { workload }) },
    meshConfig,
    values,
  );
  if (!injected.ok) {
    const prefix = path.length === 0 ? '' : `${path.join('.')}.`;
    return failed(injected.problems.map((p) => ({ ...p, path: prefix + p.path })));
  }
  return ok({ object: put(object, path, injected.value) });
}

function injectList(
  list: Record<string, unknown>,
  items: readonly unknown[],
  namespace: string,
  meshConfig: MeshConfig,
  values: InjectionValues,
): Result<InjectedManifest> {
  const out: unknown[] = [];
  const found: Problem[] = [];
  let changed = false;
  for (const [index, item] of items.entries()) {
    const result = isObject(item) ? injectManifest(item, namespace, meshConfig, values) : ok({ object: {} });
    if (!result.ok) {
      found.push(...result.problems.map((p) => ({ ...p, path: `items[${index}].${p.path}` })));
    } else if (isObject(item)) {
      if (result.value.object !== item) changed = true;
      out.push(result.value.object);
    } else {
      out.push(item);
    }
  }
  if (found.length > 0) return failed(found);
  return ok({ object: changed ? { ...list, items: out } : list });
}

function isPodTemplate(value: unknown): value is InjectablePod {
  return isObject(value) && isObject(value['spec']) && Array.isArray(value['spec']['containers']);
}

function at(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const step of path) current = isObject(current) ? current[step] : undefined;
  return current;
}

/** A copy of the object with the value at the path; what is beside the path is shared. */
function put(
  object: Record<string, unknown>,
  path: readonly string[],
  value: unknown,
): Record<string, unknown> {
  const [step, ...rest] = path;
  if (step === undefined) return value as Record<string, unknown>;
  const inner = isObject(object[step]) ? object[step] : {};
  return { ...object, [step]: rest.length === 0 ? value : put(inner, rest, value) };
}

function workloadOfManifest(
  object: Record<string, unknown>,
  kind: string,
  metadata: Record<string, unknown>,
): WorkloadIdentity {
  // The older groups of Deployments are stored under the one that replaced them.
  const said = typeof object['apiVersion'] === 'string' ? object['apiVersion'] : 'v1';
  const apiVersion = /^(apps|extensions)\//.test(said) ? 'apps/v1' : said;
  const name = metadata['name'] ?? metadata['generateName'];
  return { name: typeof name === 'string' ? name : '', kind, apiVersion };
}
