import { claimMatches, claimMatchesAtSidecars } from '../claim-matches.ts';
import type { Gateway, VirtualService } from '../kinds/config-object.ts';
import { carries, configName, type MeshView, type PodView } from './mesh-view.ts';
import { message, type Message } from './message.ts';
import { rootNamespace } from './security.ts';

/** Routes by claims where no claim is known: at sidecars, and at gateways at which nobody verifies tokens. */
export function claimRoutes(view: MeshView): Message[] {
  return view.virtualServices.flatMap((service) => [
    ...claimMatchesAtSidecars(service.spec).map(({ path, name }) =>
      message(
        'LTN0001',
        configName(service),
        path,
        `${name} is never there at sidecars, which spec.gateways names as mesh: restrict the match to gateways by its gateways`,
      ),
    ),
    ...(view.complete ? withoutVerifiedTokens(service, view) : []),
  ]);
}

function withoutVerifiedTokens(service: VirtualService, view: MeshView): Message[] {
  const [first] = claimMatches(service.spec.http);
  if (first === undefined) return [];
  const { namespace } = configName(service);
  return (service.spec.gateways ?? []).flatMap((reference) => {
    const full = reference.includes('/') ? reference : `${namespace}/${reference}`;
    const gateway = view.gateways.find(
      ({ metadata }) => `${metadata.namespace ?? 'default'}/${metadata.name}` === full,
    );
    const pod = gateway === undefined ? undefined : podWithoutTokens(gateway, view);
    if (pod === undefined) return [];
    return [
      message(
        'IST0149',
        configName(service),
        first.path,
        `${first.name} is never there: no RequestAuthentication holds for pod ${pod.name.name}.${pod.name.namespace} of Gateway ${full}`,
      ),
    ];
  });
}

/** A pod of a gateway at which no token is verified. */
function podWithoutTokens(gateway: Gateway, view: MeshView): PodView | undefined {
  const rules = view.configs.filter((config) => config.kind === 'RequestAuthentication');
  return view.pods
    .filter((pod) => carries(pod, gateway.spec.selector))
    .find(
      (pod) =>
        !rules.some(
          (rule) =>
            [rootNamespace, pod.name.namespace].includes(configName(rule).namespace) &&
            // Those with targets are for Gateways of another kind.
            (rule.spec.targetRefs ?? []).length === 0 &&
            carries(pod, rule.spec.selector?.matchLabels),
        ),
    );
}
