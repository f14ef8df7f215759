import type { AuthorizationPolicy, RequestAuthentication } from '../kinds/config-object.ts';
import { carries, configName, type MeshView, type PodView } from './mesh-view.ts';
import { message, type Message } from './message.ts';

/** Namespace whose policies hold for all, unless the mesh configuration says otherwise. */
export const rootNamespace = 'istio-system';

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
      carries(pod, policy.spec.selector?.matchLabels),
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

/**
 * Policies with action CUSTOM of one workload that name several providers: only one can be asked, so that none is, and
 * what they are about is refused (Istio, "one provider per workload").
 */
export function severalProviders(view: MeshView): Message[] {
  const custom = view.configs.filter(
    (config): config is AuthorizationPolicy =>
      config.kind === 'AuthorizationPolicy' && config.spec.action === 'CUSTOM',
  );
  const providerOf = (policy: AuthorizationPolicy): string => policy.spec.provider?.name ?? '';
  return custom.flatMap((policy) => {
    for (const workload of [...view.pods, ...view.deployments]) {
      if (!selectsWorkload(policy, workload)) continue;
      const rival = custom.find(
        (other) => providerOf(other) !== providerOf(policy) && selectsWorkload(other, workload),
      );
      if (rival === undefined) continue;
      const { kind, name, namespace } = workload.name;
      const other = configName(rival);
      return [
        message(
          'LTN0002',
          configName(policy),
          'spec.provider.name',
          `${kind} ${name}.${namespace} is also under AuthorizationPolicy ${other.name}.${other.namespace} with provider ${providerOf(rival)}: only one provider can be asked for a workload, so that what both policies are about is refused with 403`,
        ),
      ];
    }
    return [];
  });
}

function selectsWorkload(policy: AuthorizationPolicy, workload: PodView): boolean {
  const { namespace } = configName(policy);
  return (
    (namespace === rootNamespace || namespace === workload.name.namespace) &&
    (policy.spec.targetRefs ?? []).length === 0 &&
    policy.spec.targetRef === undefined &&
    carries(workload, policy.spec.selector?.matchLabels)
  );
}
