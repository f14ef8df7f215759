import type { ShapeOf } from '../schema/shape.ts';
import type { Report } from '../schema/check-shape.ts';
import type { MatchLabelsSelector, targetRef } from '../kinds/selectors.ts';

type TargetRef = ShapeOf<typeof targetRef>;

/** Kinds that policies can be attached to, with their groups. */
const targetKinds: Readonly<Record<string, string>> = {
  Gateway: 'gateway.networking.k8s.io',
  GatewayClass: 'gateway.networking.k8s.io',
  Service: '',
  ServiceEntry: 'networking.istio.io',
};

/** Reports what is wrong with the objects that a policy is attached to. */
export function checkTargets(
  spec: {
    readonly selector?: MatchLabelsSelector;
    readonly targetRef?: TargetRef;
    readonly targetRefs?: readonly TargetRef[];
  },
  report: Report,
): void {
  const set = (['selector', 'targetRef', 'targetRefs'] as const).filter((field) => spec[field] !== undefined);
  if (set.length > 1) report(`spec.${set[1]}`, `cannot be used together with ${set[0]}`);
  const targets = [
    ...(spec.targetRef === undefined ? [] : [['spec.targetRef', spec.targetRef] as const]),
    ...(spec.targetRefs ?? []).map((target, i) => [`spec.targetRefs[${i}]`, target] as const),
  ];
  for (const [at, { kind, group = '', namespace }] of targets) {
    if (namespace !== undefined && namespace !== '') {
      report(`${at}.namespace`, 'must be left out: a policy is attached within its own namespace');
    }
    const wanted = targetKinds[kind];
    if (wanted === undefined) {
      report(`${at}.kind`, `must be one of ${Object.keys(targetKinds).join(', ')}, not "${kind}"`);
    } else if (group !== wanted && !(wanted === '' && group === 'core')) {
      report(`${at}.group`, `must be "${wanted}" for kind ${kind}`);
    }
  }
}
