import type { KubeObject } from '@lateen/kube';
import { forbiddenField, invalidValue, required, tooLong, type FieldError } from '../field-error.ts';
import type { ResourceType } from '../registry/resource-type.ts';
import { dnsSubdomainProblems, labelValueProblems, qualifiedNameProblems } from './names.ts';

const maxAnnotationBytes = 256 * 1024;

/** Rules of `metadata` that hold for every kind. */
export function validateMetadata(
  type: ResourceType,
  object: KubeObject,
  old: KubeObject | undefined,
): FieldError[] {
  const { metadata } = object;
  const errors: FieldError[] = [];
  const rule = type.strategy.nameRule ?? dnsSubdomainProblems;
  if (metadata.name === undefined || metadata.name === '') {
    errors.push(required('metadata.name', 'name or generateName is required'));
  } else if (old === undefined) {
    for (const problem of rule(metadata.name))
      errors.push(invalidValue('metadata.name', metadata.name, problem));
  }
  errors.push(...validateLabels(metadata.labels, 'metadata.labels'));
  errors.push(...validateAnnotations(metadata.annotations));
  errors.push(...validateOwners(object));
  for (const [index, finalizer] of (metadata.finalizers ?? []).entries()) {
    for (const problem of qualifiedNameProblems(finalizer)) {
      errors.push(invalidValue(`metadata.finalizers[${index}]`, finalizer, problem));
    }
  }
  if (old?.metadata.deletionTimestamp !== undefined) {
    const before = new Set(old.metadata.finalizers);
    const added = (metadata.finalizers ?? []).filter((name) => !before.has(name));
    if (added.length > 0) {
      const text = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
      errors.push(forbiddenField('metadata.finalizers', text));
    }
  }
  return errors;
}

export function validateLabels(labels: Record<string, string> | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    for (const problem of qualifiedNameProblems(key)) errors.push(invalidValue(path, key, problem));
    for (const problem of labelValueProblems(value)) errors.push(invalidValue(path, value, problem));
  }
  return errors;
}

function validateAnnotations(annotations: Record<string, string> | undefined): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const problem of qualifiedNameProblems(key.toLowerCase())) {
      errors.push(invalidValue('metadata.annotations', key, problem));
    }
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (size > maxAnnotationBytes) errors.push(tooLong('metadata.annotations', maxAnnotationBytes));
  return errors;
}

function validateOwners(object: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  let controller: string | undefined;
  for (const owner of object.metadata.ownerReferences ?? []) {
    const path = 'metadata.ownerReferences';
    if (!owner.apiVersion)
      errors.push(invalidValue(`${path}.apiVersion`, owner.apiVersion, 'version must not be empty'));
    if (!owner.kind) errors.push(invalidValue(`${path}.kind`, owner.kind, 'must not be empty'));
    if (!owner.name) errors.push(invalidValue(`${path}.name`, owner.name, 'must not be empty'));
    if (!owner.uid) errors.push(invalidValue(`${path}.uid`, owner.uid, 'must not be empty'));
    if (owner.controller !== true) continue;
    if (controller !== undefined) {
      const text = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${owner.name}`;
      errors.push(invalidValue(path, owner, text));
    }
    controller = owner.name;
  }
  return errors;
}
