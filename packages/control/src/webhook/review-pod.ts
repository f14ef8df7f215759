import { isObject, type MeshConfig } from '@lateen/config';
import { decideInjection } from '../inject/decision.ts';
import { injectPod, type InjectablePod } from '../inject/inject-pod.ts';
import type { InjectionValues } from '../inject/injection-values.ts';
import type { AdmissionAnswer, AdmissionRequest } from './admission-review.ts';
import { jsonDifference } from './json-difference.ts';

/** The settings in force, read at each review. */
export interface InjectionSettings {
  readonly mesh: MeshConfig;
  readonly values: InjectionValues;
}

/** Answers for a pod that is to be created: the sidecar as a patch, nothing, or what is wrong with its annotations. */
export function reviewPod(request: AdmissionRequest, settings: InjectionSettings): AdmissionAnswer {
  const { object } = request;
  if (!isPod(object)) {
    return { allowed: false, problems: [{ path: '', message: 'the object must be a Pod with containers' }] };
  }
  const namespace = request.namespace || object.metadata?.namespace || 'default';
  const decision = decideInjection(
    { metadata: object.metadata ?? {}, spec: object.spec, namespace },
    settings.values,
  );
  if (!decision.inject) return { allowed: true };
  const injected = injectPod(object, { namespace }, settings.mesh, settings.values);
  if (!injected.ok) return { allowed: false, problems: injected.problems };
  return { allowed: true, patch: jsonDifference(object, injected.value) };
}

function isPod(value: unknown): value is InjectablePod {
  return isObject(value) && isObject(value['spec']) && Array.isArray(value['spec']['containers']);
}
