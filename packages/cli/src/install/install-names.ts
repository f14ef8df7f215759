import type { Installation } from './resolve-install.ts';

/** The name of a thing that each revision has its own of. */
export function revisioned(name: string, installation: Pick<Installation, 'revision'>): string {
  return installation.revision === 'default' ? name : `${name}-${installation.revision}`;
}

/** Labels of everything that an installation consists of; `uninstall` finds it by them. */
export function ownLabels(
  installation: Pick<Installation, 'revision'>,
  component: string,
): Record<string, string> {
  return {
    'install.operator.istio.io/owning-resource': 'installed-state',
    'operator.istio.io/component': component,
    'operator.istio.io/managed': 'Reconcile',
    'istio.io/rev': installation.revision,
    release: 'istio',
  };
}

/** The label that each object of an installation has. */
export const ownerLabel = 'install.operator.istio.io/owning-resource=installed-state';
