import {
  configKindOf,
  decodeConfig,
  isObject,
  type ConfigObject,
  type EnvoyFilterSpec,
} from '@lateen/config';
import { formatProblem, type Clock } from '@lateen/core';
import type { DecodedPatches } from '../translate/envoy-filter/index.ts';
import { warningsOfNoEffect } from './without-effect.ts';
import type { AdmissionAnswer, AdmissionRequest } from './admission-review.ts';

/** What does not fit the rest of the mesh, one sentence each; the object is accepted all the same. */
export type WarningsFor = (config: ConfigObject) => readonly string[];

/** Delays until the mesh is looked at again, before somebody is warned of what it lacks. */
const secondLooksMs = [30, 120];

/**
 * Answers for configuration that is to be written: all that is wrong with it, or warnings.
 *
 * What was written a moment before, as by one `kubectl apply` of several objects, may still be on its way to
 * the view of the mesh: so a warning is only given where it holds for a while.
 */
export async function reviewConfig(
  request: AdmissionRequest,
  warningsFor: WarningsFor,
  clock: Clock,
): Promise<AdmissionAnswer> {
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
  const patches = decoded.value.kind === 'EnvoyFilter' ? await patchesOf(decoded.value.spec) : undefined;
  if (patches !== undefined && patches.problems.length > 0)
    return { allowed: false, problems: patches.problems };
  let warnings = warningsFor(decoded.value);
  for (const delayMs of secondLooksMs) {
    if (warnings.length === 0) break;
    await new Promise<void>((resolve) => clock.after(delayMs, resolve));
    warnings = warningsFor(decoded.value);
  }
  const own = [...warningsOfNoEffect(decoded.value), ...(patches?.warnings ?? []).map(formatProblem)];
  return { allowed: true, warnings: [...own, ...warnings].map(shorten) };
}

/** Types of messages are loaded when the first EnvoyFilter is written. */
async function patchesOf(spec: EnvoyFilterSpec): Promise<DecodedPatches> {
  const { decodePatches, patchTypes } = await import('../translate/envoy-filter/index.ts');
  return decodePatches(spec, await patchTypes());
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
