import { configKindOf, decodeConfig, isObject, type ConfigObject } from '@lateen/config';
import type { AdmissionAnswer, AdmissionRequest } from './admission-review.ts';

/** What does not fit the rest of the mesh, one sentence each; the object is accepted all the same. */
export type WarningsFor = (config: ConfigObject) => readonly string[];

/** Answers for configuration that is to be written: all that is wrong with it, or warnings. */
export function reviewConfig(request: AdmissionRequest, warningsFor: WarningsFor): AdmissionAnswer {
  // There is nothing to check about what goes away.
  if (request.operation === 'DELETE' || request.object === undefined || request.object === null) {
    return { allowed: true };
  }
  const { object } = request;
  if (isObject(object) && configKindOf(String(object['apiVersion']), String(object['kind'])) === undefined) {
    // A kind or version that another revision of the control plane serves.
    return { allowed: true };
  }
  const decoded = decodeConfig(withNamespace(object, request.namespace));
  if (!decoded.ok) return { allowed: false, problems: decoded.problems };
  return { allowed: true, warnings: warningsFor(decoded.value).map(shorten) };
}

/** The API server sends the namespace beside objects that do not name it. */
function withNamespace(object: unknown, namespace: string): unknown {
  if (namespace === '' || !isObject(object) || !isObject(object['metadata'])) return object;
  const { metadata } = object;
  return metadata['namespace'] === undefined ? { ...object, metadata: { ...metadata, namespace } } : object;
}

/** API servers cut warnings at 256 characters; ours end with an ellipsis before. */
function shorten(warning: string): string {
  return warning.length <= 250 ? warning : `${warning.slice(0, 249)}…`;
}
