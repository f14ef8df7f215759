import type { KubeObject } from '@lateen/kube';
import { ownLabels, revisioned } from './install-names.ts';
import type { GatewayComponentSpec } from './install-spec.ts';
import {
  clusterRoles,
  controlPlaneRoles,
  crds,
  namespaceManifest,
  serviceAccounts,
} from './manifests/base.ts';
import { gatewayManifests, type GatewayDirection } from './manifests/gateway.ts';
import {
  injectorConfigMap,
  istiodDeployment,
  istiodScaling,
  istiodService,
  meshConfigMap,
} from './manifests/istiod.ts';
import { injectionWebhook, validationWebhook } from './manifests/webhooks.ts';
import type { Installation } from './resolve-install.ts';

/** Objects that are installed together, under a name that progress shows. */
export interface InstallStep {
  readonly name: 'Istio core' | 'Istiod' | 'Ingress gateways' | 'Egress gateways';
  readonly objects: readonly KubeObject[];
}

/** What is installed, in steps; the order of the objects is that in which `verify-install` names them. */
export function installSteps(installation: Installation): InstallStep[] {
  const { components = {} } = installation.spec;
  const steps: InstallStep[] = [];
  if (components.base?.enabled !== false) {
    steps.push({
      name: 'Istio core',
      objects: [
        namespaceManifest(installation),
        ...clusterRoles(installation),
        ...controlPlaneRoles(installation),
        ...serviceAccounts(installation),
        validationWebhook(installation),
        ...crds(),
      ],
    });
  }
  if (components.pilot?.enabled !== false)
    steps.push({ name: 'Istiod', objects: istiodObjects(installation) });
  const ingress = gateways(installation, 'ingress', components.ingressGateways ?? []);
  if (ingress.length > 0) steps.push({ name: 'Ingress gateways', objects: ingress });
  const egress = gateways(installation, 'egress', components.egressGateways ?? []);
  if (egress.length > 0) steps.push({ name: 'Egress gateways', objects: egress });
  return steps;
}

function istiodObjects(installation: Installation): KubeObject[] {
  const { autoscaler, budget } = istiodScaling(installation);
  return [
    ...(autoscaler === undefined ? [] : [autoscaler]),
    meshConfigMap(installation),
    istiodDeployment(installation),
    injectorConfigMap(installation),
    injectionWebhook(installation),
    ...(budget === undefined ? [] : [budget]),
    istiodService(installation),
  ];
}

function gateways(
  installation: Installation,
  direction: GatewayDirection,
  components: readonly GatewayComponentSpec[],
): KubeObject[] {
  return components
    .filter(({ enabled }) => enabled === true)
    .flatMap((component) => gatewayManifests(installation, direction, component));
}

/** The object that remembers what was installed, for `verify-install` and `uninstall`. */
export function installedState(installation: Installation): KubeObject {
  return {
    apiVersion: 'install.istio.io/v1alpha1',
    kind: 'IstioOperator',
    metadata: {
      name: revisioned('installed-state', installation),
      namespace: installation.namespace,
      labels: ownLabels(installation, 'Base'),
    },
    spec: { ...installation.spec, profile: installation.profile, revision: installation.revision },
  };
}

const kindsThatComeFirst = [
  'Namespace',
  'CustomResourceDefinition',
  'ServiceAccount',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
  'ConfigMap',
  'Service',
];

/** The objects in an order in which they can be applied one after the other. */
export function applyOrder(objects: readonly KubeObject[]): KubeObject[] {
  const rank = ({ kind }: KubeObject): number => {
    const index = kindsThatComeFirst.indexOf(kind);
    return index < 0 ? kindsThatComeFirst.length : index;
  };
  return [...objects].sort((a, b) => rank(a) - rank(b));
}

/** All manifests of an installation, in the order of application: what `manifest generate` prints. */
export function renderInstall(installation: Installation): KubeObject[] {
  return applyOrder(installSteps(installation).flatMap((step) => step.objects));
}
