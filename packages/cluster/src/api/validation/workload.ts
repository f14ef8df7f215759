import { sameJson, type JsonObject, type KubeObject } from '@lateen/kube';
import { objectIn, textIn } from '../builtin/default-fields.ts';
import { forbiddenField, invalidValue, notSupported, required, type FieldError } from '../field-error.ts';
import { isEmptySelector, selects, validateSelector } from './label-selector.ts';
import { validateLabels } from './metadata.ts';
import { validateNonNegative } from './numbers.ts';
import { validatePodSpec } from './pod.ts';

export function validateDeployment(deployment: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = objectIn(deployment, 'spec');
  if (spec === undefined) return [required('spec')];
  const errors = validateWorkload(spec, objectIn(old, 'spec'));
  const strategy = objectIn(spec, 'strategy');
  const type = textIn(strategy, 'type');
  const rolling = objectIn(strategy, 'rollingUpdate');
  if (type !== 'Recreate' && type !== 'RollingUpdate') {
    errors.push(notSupported('spec.strategy.type', type, ['Recreate', 'RollingUpdate']));
  } else if (type === 'Recreate' && rolling !== undefined) {
    const text = "may not be specified when strategy `type` is 'Recreate'";
    errors.push(forbiddenField('spec.strategy.rollingUpdate', text));
  } else if (rolling !== undefined) errors.push(...validateRolling(rolling));
  for (const name of ['minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds']) {
    errors.push(...validateNonNegative(spec, name, 'spec'));
  }
  return errors;
}

export function validateReplicaSet(replicaSet: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = objectIn(replicaSet, 'spec');
  return spec === undefined ? [required('spec')] : validateWorkload(spec, objectIn(old, 'spec'));
}

function validateWorkload(spec: JsonObject, old: JsonObject | undefined): FieldError[] {
  const errors = validateNonNegative(spec, 'replicas', 'spec');
  const selector = objectIn(spec, 'selector');
  const template = objectIn(spec, 'template');
  const labels = objectIn(objectIn(template, 'metadata'), 'labels') ?? {};
  if (selector === undefined) errors.push(required('spec.selector'));
  else {
    errors.push(...validateSelector(selector, 'spec.selector'));
    if (isEmptySelector(selector)) {
      errors.push(invalidValue('spec.selector', selector, 'empty selector is invalid for deployment'));
    } else if (template !== undefined && !selects(selector, labels)) {
      const text = '`selector` does not match template `labels`';
      errors.push(invalidValue('spec.template.metadata.labels', labels, text));
    }
    if (old !== undefined && !sameJson(selector, old['selector'])) {
      errors.push(invalidValue('spec.selector', selector, 'field is immutable'));
    }
  }
  const podSpec = objectIn(template, 'spec');
  if (podSpec === undefined) errors.push(required('spec.template.spec'));
  else {
    errors.push(...validateLabels(labels as Record<string, string>, 'spec.template.metadata.labels'));
    errors.push(...validatePodSpec(podSpec, 'spec.template.spec'));
    const policy = textIn(podSpec, 'restartPolicy');
    if (policy === 'OnFailure' || policy === 'Never') {
      errors.push(notSupported('spec.template.spec.restartPolicy', policy, ['Always']));
    }
  }
  return errors;
}

function validateRolling(rolling: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  let zeros = 0;
  for (const name of ['maxUnavailable', 'maxSurge']) {
    const value = rolling[name];
    const path = `spec.strategy.rollingUpdate.${name}`;
    if (typeof value === 'string' && !/^\d+%$/.test(value)) {
      const text =
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
      errors.push(invalidValue(path, value, text));
    }
    errors.push(...validateNonNegative(rolling, name, 'spec.strategy.rollingUpdate'));
    if (name === 'maxUnavailable' && typeof value === 'string' && Number.parseInt(value, 10) > 100) {
      errors.push(invalidValue(path, value, 'must not be greater than 100%'));
    }
    if (value === 0 || value === '0%') zeros++;
  }
  if (zeros === 2) {
    const text = 'may not be 0 when `maxSurge` is 0';
    errors.push(invalidValue('spec.strategy.rollingUpdate.maxUnavailable', rolling['maxUnavailable'], text));
  }
  return errors;
}
