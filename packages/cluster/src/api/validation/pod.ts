import { sameJson, type JsonObject, type KubeObject } from '@lateen/kube';
import { objectIn, objectsIn, textIn } from '../builtin/default-fields.ts';
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../field-error.ts';
import { validateContainer, type SeenNames } from './container.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from './names.ts';
import { validateNonNegative } from './numbers.ts';

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];

export function validatePod(pod: KubeObject): FieldError[] {
  const spec = objectIn(pod, 'spec');
  return spec === undefined ? [required('spec')] : validatePodSpec(spec, 'spec');
}

/** Rules of a pod's spec, in a pod or in a template. */
export function validatePodSpec(spec: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const volumes = validateVolumes(spec, path, errors);
  const containers = objectsIn(spec, 'containers');
  if (containers.length === 0) errors.push(required(`${path}.containers`));
  const seen: SeenNames = new Set();
  for (const [index, container] of containers.entries()) {
    errors.push(...validateContainer(container, `${path}.containers[${index}]`, volumes, seen));
  }
  for (const [index, container] of objectsIn(spec, 'initContainers').entries()) {
    const at = `${path}.initContainers[${index}]`;
    errors.push(...validateContainer(container, at, volumes, seen));
    const policy = textIn(container, 'restartPolicy');
    if (policy !== '' && policy !== 'Always') {
      errors.push(notSupported(`${at}.restartPolicy`, policy, ['Always']));
    }
  }
  const restart = textIn(spec, 'restartPolicy');
  if (!restartPolicies.includes(restart)) {
    errors.push(notSupported(`${path}.restartPolicy`, restart, restartPolicies));
  }
  const dns = textIn(spec, 'dnsPolicy');
  if (!dnsPolicies.includes(dns)) errors.push(notSupported(`${path}.dnsPolicy`, dns, dnsPolicies));
  errors.push(...validateNonNegative(spec, 'terminationGracePeriodSeconds', path));
  const account = textIn(spec, 'serviceAccountName');
  if (account !== '') {
    for (const problem of dnsSubdomainProblems(account)) {
      errors.push(invalidValue(`${path}.serviceAccountName`, account, problem));
    }
  }
  return errors;
}

function validateVolumes(spec: JsonObject, path: string, errors: FieldError[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [index, volume] of objectsIn(spec, 'volumes').entries()) {
    const at = `${path}.volumes[${index}]`;
    const name = textIn(volume, 'name');
    if (name === '') errors.push(required(`${at}.name`));
    else {
      for (const problem of dnsLabelProblems(name)) errors.push(invalidValue(`${at}.name`, name, problem));
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    for (const extra of Object.keys(volume)
      .filter((field) => field !== 'name')
      .slice(1)) {
      errors.push(forbiddenField(`${at}.${extra}`, 'may not specify more than 1 volume type'));
    }
    if (volume['configMap'] !== undefined && textIn(objectIn(volume, 'configMap'), 'name') === '') {
      errors.push(required(`${at}.configMap.name`));
    }
    if (volume['secret'] !== undefined && textIn(objectIn(volume, 'secret'), 'secretName') === '') {
      errors.push(required(`${at}.secret.secretName`));
    }
  }
  return names;
}

const changeable = ['activeDeadlineSeconds', 'terminationGracePeriodSeconds', 'tolerations'];

/** A pod's spec is fixed, but for the images and a few numbers. */
export function validatePodUpdate(pod: KubeObject, old: KubeObject): FieldError[] {
  const fixed = (object: KubeObject): JsonObject => {
    const spec = { ...objectIn(object, 'spec') };
    for (const name of changeable) delete spec[name];
    for (const list of ['containers', 'initContainers']) {
      if (spec[list] === undefined) continue;
      spec[list] = objectsIn(spec, list).map((container) => ({ ...container, image: '' }));
    }
    return spec;
  };
  if (sameJson(fixed(pod), fixed(old))) return [];
  return [
    forbiddenField(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ];
}
