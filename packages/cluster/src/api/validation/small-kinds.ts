import { sameJson, type KubeObject } from '@lateen/kube';
import { objectIn, objectsIn, textIn } from '../builtin/default-fields.ts';
import { forbiddenField, invalidValue, notSupported, required, type FieldError } from '../field-error.ts';

const keyForm = /^[-._a-zA-Z0-9]+$/;
const maxBytes = 1024 * 1024;

function validateKeys(object: KubeObject, fields: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const field of fields) {
    for (const [key, value] of Object.entries(objectIn(object, field) ?? {})) {
      size += typeof value === 'string' ? Buffer.byteLength(value) : 0;
      if (keyForm.test(key) && key.length <= 253 && key !== '.' && key !== '..') continue;
      const text =
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
      errors.push(invalidValue(`${field}[${key}]`, key, text));
    }
  }
  if (size > maxBytes) {
    const message = `Too long: may not be more than ${maxBytes} bytes`;
    errors.push({ reason: 'FieldValueTooLong', field: '', message });
  }
  return errors;
}

function validateImmutable(
  object: KubeObject,
  old: KubeObject | undefined,
  fields: readonly string[],
): FieldError[] {
  if (old?.['immutable'] !== true) return [];
  const text = 'field is immutable when `immutable` is set';
  return ['immutable', ...fields]
    .filter((field) => !sameJson(object[field], old[field]))
    .map((field) => forbiddenField(field, text));
}

export function validateConfigMap(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors = [
    ...validateKeys(object, ['data', 'binaryData']),
    ...validateImmutable(object, old, ['data', 'binaryData']),
  ];
  const data = objectIn(object, 'data') ?? {};
  for (const key of Object.keys(objectIn(object, 'binaryData') ?? {})) {
    if (Object.hasOwn(data, key)) {
      errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
  }
  return errors;
}

const wantedKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
};

export function validateSecret(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors = [...validateKeys(object, ['data']), ...validateImmutable(object, old, ['data'])];
  const data = objectIn(object, 'data') ?? {};
  for (const key of wantedKeys[textIn(object, 'type')] ?? []) {
    if (!Object.hasOwn(data, key)) errors.push(required(`data[${key}]`));
  }
  for (const [key, value] of Object.entries(data)) {
    if (typeof value !== 'string' || !isBase64(value)) {
      errors.push(invalidValue(`data[${key}]`, '<secret contents redacted>', 'must be base64'));
    }
  }
  if (old !== undefined && object['type'] !== old['type']) {
    errors.push(invalidValue('type', object['type'], 'field is immutable'));
  }
  return errors;
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

const subjectKinds = ['Group', 'ServiceAccount', 'User'];

export function validateBinding(binding: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const role = objectIn(binding, 'roleRef');
  const kinds = binding.kind === 'ClusterRoleBinding' ? ['ClusterRole'] : ['ClusterRole', 'Role'];
  if (!kinds.includes(textIn(role, 'kind')))
    errors.push(notSupported('roleRef.kind', textIn(role, 'kind'), kinds));
  if (textIn(role, 'name') === '') errors.push(required('roleRef.name'));
  for (const [index, subject] of objectsIn(binding, 'subjects').entries()) {
    const kind = textIn(subject, 'kind');
    const at = `subjects[${index}]`;
    if (!subjectKinds.includes(kind)) errors.push(notSupported(`${at}.kind`, kind, subjectKinds));
    if (textIn(subject, 'name') === '') errors.push(required(`${at}.name`));
    if (
      kind === 'ServiceAccount' &&
      textIn(subject, 'namespace') === '' &&
      binding.kind === 'ClusterRoleBinding'
    ) {
      errors.push(required(`${at}.namespace`));
    }
  }
  if (old !== undefined && !sameJson(binding['roleRef'], old['roleRef'])) {
    errors.push(invalidValue('roleRef', binding['roleRef'], 'cannot change roleRef'));
  }
  return errors;
}

export function validateAutoscaler(object: KubeObject): FieldError[] {
  const spec = objectIn(object, 'spec');
  const errors: FieldError[] = [];
  const max = spec?.['maxReplicas'];
  const min = spec?.['minReplicas'];
  if (typeof max !== 'number' || max < 1) {
    errors.push(invalidValue('spec.maxReplicas', max ?? 0, 'must be greater than 0'));
  } else if (typeof min === 'number' && min > max) {
    errors.push(invalidValue('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'));
  }
  const target = objectIn(spec, 'scaleTargetRef');
  for (const name of ['kind', 'name']) {
    if (textIn(target, name) === '') errors.push(required(`spec.scaleTargetRef.${name}`));
  }
  return errors;
}
