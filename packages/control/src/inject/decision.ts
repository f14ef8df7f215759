import { labelMatcher, type ObjectMeta, type PodSpec } from '@lateen/kube';
import type { InjectionValues } from './injection-values.ts';

/** Whether a pod is given a sidecar, and why. */
export interface InjectionDecision {
  readonly inject: boolean;
  readonly reason: string;
}

const ignoredNamespaces = ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage'];
const injectKey = 'sidecar.istio.io/inject';

/** What a decision is made from. */
export interface DecisionInput {
  readonly metadata: Partial<ObjectMeta>;
  readonly spec: Pick<PodSpec, 'hostNetwork' | 'containers' | 'initContainers'>;
  readonly namespace: string;
}

/**
 * Decides as Istio's webhook does: never for host networking and the platform's own namespaces, then what
 * the pod itself says (its label before its annotation), then the selectors, then the policy.
 */
export function decideInjection(
  input: DecisionInput,
  values: Pick<InjectionValues, 'policy' | 'neverInjectSelector' | 'alwaysInjectSelector'>,
): InjectionDecision {
  const no = (reason: string): InjectionDecision => ({ inject: false, reason });
  const yes = (reason: string): InjectionDecision => ({ inject: true, reason });
  const { metadata, spec } = input;
  if (spec.hostNetwork === true) return no('the pod uses the network of its node');
  if (ignoredNamespaces.includes(input.namespace))
    return no(`namespace ${input.namespace} is never injected`);
  if (isInjected(metadata, spec)) return no('the pod has a sidecar already');

  const said = metadata.labels?.[injectKey] ?? metadata.annotations?.[injectKey];
  if (said !== undefined && said !== '') {
    return ['y', 'yes', 'true', 'on'].includes(said.toLowerCase())
      ? yes(`${injectKey} is "${said}"`)
      : no(`${injectKey} is "${said}"`);
  }
  const labels = metadata.labels ?? {};
  if (values.neverInjectSelector.some((selector) => labelMatcher(selector)(labels))) {
    return no('neverInjectSelector matches');
  }
  if (values.alwaysInjectSelector.some((selector) => labelMatcher(selector)(labels))) {
    return yes('alwaysInjectSelector matches');
  }
  return values.policy === 'enabled' ? yes('the policy is enabled') : no('the policy is disabled');
}

/** True where the pod has a sidecar from an earlier injection, by the webhook or by kube-inject. */
export function isInjected(
  metadata: Partial<ObjectMeta>,
  spec: Pick<PodSpec, 'containers' | 'initContainers'>,
): boolean {
  if (metadata.annotations?.['sidecar.istio.io/status'] === undefined) return false;
  return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some(
    ({ name }) => name === 'istio-proxy',
  );
}
