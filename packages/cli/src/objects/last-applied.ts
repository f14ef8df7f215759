import type { KubeObject } from '@lateen/kube';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** JSON with sorted names, in which Go's encoder escapes what HTML could take for its own. */
function goJson(value: unknown): string {
  const sorted = (_name: string, part: unknown): unknown =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part;
  return JSON.stringify(value, sorted).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * The object with the annotation that `kubectl apply` leaves: a later `kubectl apply` of the same manifest has no
 * warning and says `unchanged`.
 */
export function withLastApplied(object: KubeObject): KubeObject {
  const { annotations = {} } = object.metadata;
  const { [annotation]: _before, ...others } = annotations;
  const applied = { ...object, metadata: { ...object.metadata, annotations: others } };
  return {
    ...object,
    metadata: { ...object.metadata, annotations: { ...others, [annotation]: `${goJson(applied)}\n` } },
  };
}
