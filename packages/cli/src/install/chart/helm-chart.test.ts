import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifests } from '@lateen/config';
import { renderInstall } from '../render-install.ts';
import { resolveInstall } from '../resolve-install.ts';
import { helmChart } from './helm-chart.ts';

/** What Helm makes of the chart's expressions, all but the settings of the mesh. */
function rendered(text: string): string {
  return text
    .replaceAll(/\{\{ if ne .*?\{\{ end \}\}/g, '')
    .replaceAll('{{ .Values.hub }}', 'docker.io/istio')
    .replaceAll('{{ .Values.tag }}', '1.24.0')
    .replaceAll('{{ .Release.Namespace }}', 'istio-system')
    .replace(/^\{\{- \$own.*\n\{\{ mustMergeOverwrite.*\n/m, '    MESH\n')
    .replaceAll(/^\{\{- (if .*|end) \}\}\n/gm, '');
}

function objectsOf(text: string): Record<string, unknown>[] {
  const { documents, problems } = parseManifests(text, 'chart');
  assert.deepEqual(problems, []);
  return documents.map(({ object }) => object);
}

const nameOf = (object: Record<string, unknown>): string =>
  `${String(object['kind'])}/${(object['metadata'] as { name: string }).name}`;

test('the chart makes the objects that install makes', () => {
  const files = helmChart();
  const made = files
    .filter(({ path }) => path.startsWith('templates/') || path.startsWith('crds/'))
    .flatMap(({ text }) => objectsOf(rendered(text)));
  const wanted = renderInstall(resolveInstall({ profile: 'demo' })).filter(
    ({ kind }) => kind !== 'Namespace',
  );
  assert.deepEqual(made.map(nameOf).sort(), wanted.map(nameOf).sort());
  for (const object of wanted) {
    const found = made.find((other) => nameOf(other) === nameOf(object));
    if (nameOf(object) === 'ConfigMap/istio') {
      assert.match(JSON.stringify(found), /"mesh":"MESH\\n"/);
    } else {
      assert.deepEqual(found, JSON.parse(JSON.stringify(object)), nameOf(object));
    }
  }
});

test('gateways can be switched off, and no stand-in is left', () => {
  const files = new Map(helmChart().map(({ path, text }) => [path, text]));
  assert.match(
    files.get('templates/egress-gateways.yaml') ?? '',
    /^\{\{- if \.Values\.egressGateway\.enabled \}\}/,
  );
  for (const text of files.values()) assert.doesNotMatch(text, /chart-value/);
  const [values] = objectsOf(files.get('values.yaml') ?? '');
  assert.deepEqual(values?.['egressGateway'], { enabled: false });
  const mesh = values?.['meshConfig'] as Record<string, unknown> | undefined;
  assert.equal(mesh?.['trustDomain'], 'cluster.local');
});
