import { query, type View } from '../engine/query.ts';
import { byAge, type PeerAuthentication } from './config-object.ts';
import { endpointsOf } from './endpoints.ts';
import { selects, type Labels } from './labels.ts';
import { settingsOf } from './settings.ts';
import { peerAuthentications, peerAuthenticationsByNamespace } from './tables.ts';

/** Whether a workload takes plain connections, mutual TLS, or both. */
export type MutualTlsMode = 'DISABLE' | 'PERMISSIVE' | 'STRICT';

/** The modes of a workload's ports. */
export interface MutualTlsModes {
  readonly mode: MutualTlsMode;
  /** Ports of the workload with a mode of their own. */
  readonly ports: Readonly<Record<string, MutualTlsMode>>;
}

/** The mode of one port of the workload. */
export function modeOfPort(modes: MutualTlsModes, port: number): MutualTlsMode {
  return modes.ports[String(port)] ?? modes.mode;
}

/** True where proxies of the mesh present certificates to each other, by default or because a policy says so. */
export const meshUsesTls = query(
  'mesh.usesTls',
  (view): boolean => settingsOf(view).autoMutualTls || view.keys(peerAuthentications).length > 0,
);

const off: MutualTlsModes = { mode: 'DISABLE', ports: {} };

const policiesOf = (view: View, namespace: string): PeerAuthentication[] =>
  view
    .keysBy(peerAuthenticationsByNamespace, namespace)
    .flatMap((key) => view.row(peerAuthentications, key) ?? [])
    .sort(byAge);

const selectorOf = (policy: PeerAuthentication): Labels => policy.spec.selector?.matchLabels ?? {};
const isGeneral = (policy: PeerAuthentication): boolean => Object.keys(selectorOf(policy)).length === 0;

/** Names of the labels by which a namespace's policies tell workloads apart. */
const selectorNames = query('mutualTls.selectorNames', (view, namespace: string): readonly string[] => {
  const names = policiesOf(view, namespace).flatMap((policy) => Object.keys(selectorOf(policy)));
  return [...new Set(names)].sort();
});

function modeFrom(policy: PeerAuthentication | undefined): MutualTlsMode | undefined {
  const mode = policy?.spec.mtls?.mode;
  return mode === undefined || mode === 'UNSET' ? undefined : mode;
}

const modesOf = query(
  'mutualTls.modes',
  (view, key: { readonly namespace: string; readonly labels: Labels }): MutualTlsModes => {
    if (!view.get(meshUsesTls, 'all')) return off;
    const own = policiesOf(view, key.namespace);
    const { rootNamespace } = settingsOf(view);
    const selecting = own.find((policy) => !isGeneral(policy) && selects(selectorOf(policy), key.labels));
    const mode =
      modeFrom(selecting) ??
      modeFrom(own.find(isGeneral)) ??
      modeFrom(policiesOf(view, rootNamespace).find(isGeneral)) ??
      'PERMISSIVE';
    const ports: Record<string, MutualTlsMode> = {};
    for (const [port, setting] of Object.entries(selecting?.spec.portLevelMtls ?? {})) {
      ports[port] = setting.mode === undefined || setting.mode === 'UNSET' ? mode : setting.mode;
    }
    return { mode, ports };
  },
);

/**
 * The modes of a workload: of the policy that selects it, else of its namespace's, else of the mesh's
 * (Istio, "PeerAuthentication"); permissive where nothing is said.
 */
export function mutualTlsModes(view: View, namespace: string, labels: Labels): MutualTlsModes {
  const relevant: Record<string, string> = {};
  for (const name of view.get(selectorNames, namespace)) {
    const value = labels[name];
    if (value !== undefined) relevant[name] = value;
  }
  return view.get(modesOf, { namespace, labels: relevant });
}

/** The identities of a service's workloads, sorted. */
export const identitiesOf = query('service.identities', (view, id: string): readonly string[] => {
  const { trustDomain } = settingsOf(view);
  const identities = view
    .get(endpointsOf, id)
    .filter((endpoint) => endpoint.serviceAccount !== '')
    .map((endpoint) => spiffeId(trustDomain, endpoint.namespace, endpoint.serviceAccount));
  return [...new Set(identities)].sort();
});

/** The name of a workload in its certificate. */
export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
