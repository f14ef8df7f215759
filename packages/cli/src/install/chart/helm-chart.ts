import { formatManifest, formatManifests, istioVersion, lateenVersion } from '@lateen/config';
import type { KubeObject } from '@lateen/kube';
import { applyOrder, installSteps, type InstallStep } from '../render-install.ts';
import { resolveInstall } from '../resolve-install.ts';

/** A file of a chart. */
export interface ChartFile {
  readonly path: string;
  readonly text: string;
}

/** Stand-ins that are rendered like any value and then become expressions of the chart. */
const places = {
  hub: { standIn: 'chart-value-hub.invalid', expression: '{{ .Values.hub }}' },
  tag: { standIn: 'chart-value-tag', expression: '{{ .Values.tag }}' },
  namespace: { standIn: 'chart-value-namespace', expression: '{{ .Release.Namespace }}' },
} as const;

/** Which part of `values.yaml` switches a step on. */
const switches: Readonly<Record<InstallStep['name'], string | undefined>> = {
  'Istio core': undefined,
  Istiod: undefined,
  'Ingress gateways': 'ingressGateway',
  'Egress gateways': 'egressGateway',
};

/** The line in ConfigMap `istio` that the settings of the mesh go into. */
const meshPlace = 'chart-value-mesh: true\n';

/**
 * A Helm chart of an installation, made by the renderer that `install` uses.
 *
 * Its values are the images, the settings of the mesh, and which gateways there are. `helm install` makes the
 * namespace itself.
 */
export function helmChart(): ChartFile[] {
  const installation = resolveInstall({
    profile: 'demo',
    settings: [
      `hub=${places.hub.standIn}`,
      `tag=${places.tag.standIn}`,
      `namespace=${places.namespace.standIn}`,
    ],
  });
  const { meshConfig } = resolveInstall({});
  const steps = installSteps(installation);
  const crds = steps.flatMap(({ objects }) => objects.filter(isCrd));
  return [
    { path: 'Chart.yaml', text: formatManifest(chart) },
    { path: 'values.yaml', text: valuesText(meshConfig) },
    { path: 'crds/crds.yaml', text: formatManifests(crds) },
    ...steps.map(({ name, objects }) => ({
      path: `templates/${name.toLowerCase().replaceAll(' ', '-')}.yaml`,
      text: templateText(
        applyOrder(objects.filter((object) => !isCrd(object) && object.kind !== 'Namespace')),
        switches[name],
      ),
    })),
  ];
}

const chart = {
  apiVersion: 'v2',
  name: 'lateen',
  description: "A service mesh in TypeScript that speaks Istio's API",
  type: 'application',
  version: lateenVersion,
  appVersion: istioVersion,
  keywords: ['istio', 'service-mesh'],
};

function isCrd({ kind }: KubeObject): boolean {
  return kind === 'CustomResourceDefinition';
}

function valuesText(meshConfig: object): string {
  const { discoveryAddress: _address, ...defaultConfig } = (
    meshConfig as { defaultConfig: Record<string, unknown> }
  ).defaultConfig;
  const { rootNamespace: _root, ...mesh } = { ...meshConfig, defaultConfig } as Record<string, unknown>;
  return [
    '# Registry and path of the images lateen-control (pilot) and lateen-proxy (proxyv2), and their version.',
    'hub: docker.io/istio',
    formatManifest({ tag: istioVersion }),
    '# Settings of the mesh: Istio’s MeshConfig.',
    formatManifest({ meshConfig: mesh }),
    '# Which gateways there are.',
    'ingressGateway:',
    '  enabled: true',
    'egressGateway:',
    '  enabled: false',
    '',
  ].join('\n');
}

function templateText(objects: readonly KubeObject[], enabledBy: string | undefined): string {
  const text = formatManifests(objects.map(withMeshPlace))
    .replaceAll('{{', '{{ "{{" }}')
    .replace(/^( *)mesh: \|\n *chart-value-mesh: true\n/m, meshExpression);
  const placed = Object.values(places)
    .reduce((changed, { standIn, expression }) => changed.replaceAll(standIn, expression), text)
    .replaceAll(
      'name: istio-sidecar-injector-{{ .Release.Namespace }}',
      // As Istio names it: by its namespace only where that is not the usual one.
      'name: istio-sidecar-injector{{ if ne .Release.Namespace "istio-system" }}-{{ .Release.Namespace }}{{ end }}',
    );
  return enabledBy === undefined ? placed : `{{- if .Values.${enabledBy}.enabled }}\n${placed}{{- end }}\n`;
}

function withMeshPlace(object: KubeObject): KubeObject {
  const data = object['data'] as Record<string, string> | undefined;
  return object.kind === 'ConfigMap' && data?.['mesh'] !== undefined
    ? { ...object, data: { ...data, mesh: meshPlace } }
    : object;
}

/** The settings of the values, and what follows from where the chart is installed. */
function meshExpression(_match: string, indent: string): string {
  return [
    `${indent}mesh: |`,
    `{{- $own := dict "rootNamespace" .Release.Namespace "defaultConfig" (dict "discoveryAddress" (printf "istiod.%s.svc:15012" .Release.Namespace)) }}`,
    `{{ mustMergeOverwrite $own .Values.meshConfig | toYaml | indent ${indent.length + 2} }}`,
    '',
  ].join('\n');
}
