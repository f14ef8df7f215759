import type { AuthorizationPolicy, RequestAuthentication } from '../kinds/config-object.ts';
import { configName, type MeshView } from './mesh-view.ts';
import { message, type Message } from './message.ts';

/** Namespace whose policies hold for all, unless the mesh configuration says otherwise. */
const rootNamespace = 'istio-system';

/** Policies that hold for no workload, and namespaces in them that are not there, in a view of a whole cluster. */
export function idlePolicies(view: MeshView): Message[] {
  if (!view.complete) return [];
  return view.configs.flatMap((config) => {
    if (config.kind === 'RequestAuthentication') return withoutWorkload(config, view);
    if (config.kind !== 'AuthorizationPolicy') return [];
    return [...withoutWorkload(config, view), ...missingNamespaces(config, view)];
  });
}

function withoutWorkload(policy: AuthorizationPolicy | RequestAuthentication, view: MeshView): Message[] {
  const wanted = Object.entries(policy.spec.selector?.matchLabels ?? {});
  if (wanted.length === 0) return [];
  const name = configName(policy);
  const matches = [...view.pods, ...view.deployments].some(
    (pod) =>
      (name.namespace === rootNamespace || pod.name.namespace === name.namespace) &&
      wanted.every(([key, value]) => pod.labels[key] === value),
  );
  if (matches) return [];
  const shown = wanted.map(([key, value]) => `${key}=${value}`).join(',');
  return [
    message('IST0127', name, 'spec.selector', `no workload has the labels ${shown}: it holds for nobody`),
  ];
}

function missingNamespaces(policy: AuthorizationPolicy, view: MeshView): Message[] {
  if (view.namespaces.length === 0) return [];
  const found: Message[] = [];
  for (const [r, rule] of (policy.spec.rules ?? []).entries()) {
    for (const [f, { source }] of (rule.from ?? []).entries()) {
      for (const field of ['namespaces', 'notNamespaces'] as const) {
        for (const [n, namespace] of (source?.[field] ?? []).entries()) {
          if (namespace.includes('*') || view.namespaces.some(({ name }) => name === namespace)) continue;
          const path = `spec.rules[${r}].from[${f}].source.${field}[${n}]`;
          found.push(message('IST0101', configName(policy), path, `there is no namespace ${namespace}`));
        }
      }
    }
  }
  return found;
}
