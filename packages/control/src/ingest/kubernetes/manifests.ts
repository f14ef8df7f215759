import { parseManifests } from '@lateen/config';
import { ok, problems, type Problem, type Result } from '@lateen/core';
import type { KubeObject } from '@lateen/kube';
import { put, type Change } from '../../engine/state.ts';
import { defaultMeshSettings, type MeshSettings } from '../../model/mesh-settings.ts';
import { settings, settingsKey } from '../../model/tables.ts';
import { ingestedResources } from './kinds.ts';
import { decodeMeshSettings } from './mesh-settings.ts';

/**
 * The rows of the objects in a file of manifests, as if an API server held exactly those.
 *
 * Kinds that translation does not read are passed over; ConfigMap `istio` sets the mesh's settings.
 */
export function manifestChanges(text: string, file: string): Result<readonly Change[]> {
  const parsed = parseManifests(text, file);
  const found: Problem[] = [...parsed.problems];
  const changes: Change[] = [];
  let mesh: MeshSettings = defaultMeshSettings;
  const objects = parsed.documents.map((document) => document.object as unknown as KubeObject);
  const meshMap = objects.find((object) => object.kind === 'ConfigMap' && object.metadata.name === 'istio');
  if (meshMap !== undefined) {
    const decoded = decodeMeshSettings((meshMap['data'] as Record<string, string>)['mesh'] ?? '', file);
    if (decoded.ok) mesh = decoded.value;
    else found.push(...decoded.problems);
  }
  changes.push(put(settings, settingsKey, mesh));
  for (const object of objects) {
    const [group = ''] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : [''];
    const kind = ingestedResources.find(
      ({ resource }) => resource.kind === object.kind && resource.group === group,
    );
    if (kind === undefined) continue;
    const placed = kind.resource.namespaced
      ? { ...object, metadata: { namespace: 'default', ...object.metadata } }
      : object;
    const decoded = kind.decode(placed, mesh);
    if (decoded.ok) changes.push(decoded.value);
    else found.push(...decoded.problems.map((problem) => ({ ...problem, file })));
  }
  return found.length > 0 ? problems(found) : ok(changes);
}
