import type { JsonObject, KubeObject } from '@lateen/kube';
import { fill, filledObject, objectIn, objectsIn, textIn } from '../builtin/default-fields.ts';
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../field-error.ts';
import type { Strategy } from '../registry/resource-type.ts';
import { dns1035LabelProblems, dnsSubdomainProblems } from '../validation/names.ts';

/** Keeps a definition until its objects are gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

const scopes = ['Cluster', 'Namespaced'];

function setDefaults(crd: KubeObject): void {
  const spec = filledObject(crd, 'spec');
  const names = filledObject(spec, 'names');
  const kind = textIn(names, 'kind');
  fill(names, 'singular', kind.toLowerCase());
  fill(names, 'listKind', `${kind}List`);
  fill(filledObject(spec, 'conversion'), 'strategy', 'None');
  for (const version of objectsIn(spec, 'versions')) {
    fill(version, 'served', false);
    fill(version, 'storage', false);
  }
}

function validate(crd: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = objectIn(crd, 'spec') ?? {};
  const names = objectIn(spec, 'names') ?? {};
  const errors: FieldError[] = [];
  const group = textIn(spec, 'group');
  if (group === '') errors.push(required('spec.group'));
  else
    for (const problem of dnsSubdomainProblems(group))
      errors.push(invalidValue('spec.group', group, problem));
  for (const name of ['plural', 'kind'] as const) {
    const value = textIn(names, name);
    if (value === '') errors.push(required(`spec.names.${name}`));
    else {
      for (const problem of dns1035LabelProblems(value.toLowerCase())) {
        errors.push(invalidValue(`spec.names.${name}`, value, problem));
      }
    }
  }
  const wanted = `${textIn(names, 'plural')}.${group}`;
  if (crd.metadata.name !== wanted) {
    errors.push(invalidValue('metadata.name', crd.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (!scopes.includes(textIn(spec, 'scope'))) {
    errors.push(notSupported('spec.scope', textIn(spec, 'scope'), scopes));
  }
  const strategy = textIn(objectIn(spec, 'conversion'), 'strategy');
  if (strategy !== 'None') {
    const text = 'conversion by webhook is not available here';
    errors.push(forbiddenField('spec.conversion.strategy', text));
  }
  errors.push(...validateVersions(spec));
  const before = objectIn(old, 'spec');
  for (const name of ['group', 'scope']) {
    if (before !== undefined && before[name] !== spec[name]) {
      errors.push(invalidValue(`spec.${name}`, spec[name], 'field is immutable'));
    }
  }
  return errors;
}

function validateVersions(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const versions = objectsIn(spec, 'versions');
  const seen = new Set<string>();
  let stored = 0;
  for (const [index, version] of versions.entries()) {
    const at = `spec.versions[${index}]`;
    const name = textIn(version, 'name');
    for (const problem of dns1035LabelProblems(name)) errors.push(invalidValue(`${at}.name`, name, problem));
    if (seen.has(name)) errors.push(duplicate(`${at}.name`, name));
    seen.add(name);
    if (version['storage'] === true) stored++;
    const schema = objectIn(objectIn(version, 'schema'), 'openAPIV3Schema');
    if (schema === undefined) errors.push(required(`${at}.schema.openAPIV3Schema`, 'schemas are required'));
    else if (schema['type'] !== 'object') {
      errors.push(
        invalidValue(`${at}.schema.openAPIV3Schema.type`, schema['type'] ?? '', 'must be object at the root'),
      );
    }
  }
  if (stored !== 1) {
    errors.push(
      invalidValue(
        'spec.versions',
        versions.length,
        'must have exactly one version marked as storage version',
      ),
    );
  }
  return errors;
}

export const crdStrategy: Strategy = { finalizers: [cleanupFinalizer], setDefaults, validate };
