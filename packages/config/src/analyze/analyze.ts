import { claimRoutes } from './claims.ts';
import { patchOperations } from './envoy-filters.ts';
import { injectionStates } from './injection.ts';
import { meshView, type MeshView, type MeshViewOptions } from './mesh-view.ts';
import type { Message } from './message.ts';
import { gatewaysWithoutPods, missingReferences } from './references.ts';
import { idlePolicies, severalProviders } from './security.ts';
import { portNames, sharedDeployments } from './services.ts';
import { conflictingHosts, hostsOutsideGateways, unreachableRules } from './virtual-services.ts';

/** An analyzer: a pure function of the view. */
type Analyzer = (view: MeshView) => readonly Message[];

const analyzers: readonly Analyzer[] = [
  (view) => view.virtualServices.flatMap((service) => missingReferences(service, view)),
  gatewaysWithoutPods,
  hostsOutsideGateways,
  conflictingHosts,
  unreachableRules,
  portNames,
  sharedDeployments,
  injectionStates,
  idlePolicies,
  severalProviders,
  claimRoutes,
  patchOperations,
];

const order = { Error: 0, Warning: 1, Info: 2 };

/** Looks for what does not fit together in a set of objects; the gravest messages come first. */
export function analyze(objects: readonly unknown[], options: MeshViewOptions = {}): Message[] {
  const { view, messages } = meshView(objects, options);
  return [...messages, ...analyzers.flatMap((analyzer) => analyzer(view))].sort(
    (a, b) => order[a.level] - order[b.level],
  );
}
