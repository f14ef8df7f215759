import { isJsonObject, labelMatcher, type JsonObject } from '@lateen/kube';
import { forbiddenField, invalidValue, notSupported, required, type FieldError } from '../field-error.ts';
import { objectsIn } from '../builtin/default-fields.ts';
import { validateLabels } from './metadata.ts';
import { qualifiedNameProblems } from './names.ts';

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

/** Rules of a LabelSelector. */
export function validateSelector(selector: JsonObject, path: string): FieldError[] {
  const labels = isJsonObject(selector['matchLabels']) ? selector['matchLabels'] : {};
  const errors = validateLabels(labels as Record<string, string>, `${path}.matchLabels`);
  for (const [index, expression] of objectsIn(selector, 'matchExpressions').entries()) {
    const at = `${path}.matchExpressions[${index}]`;
    const { key, operator, values } = expression;
    const count = Array.isArray(values) ? values.length : 0;
    if (typeof operator !== 'string' || !operators.includes(operator)) {
      errors.push(notSupported(`${at}.operator`, operator ?? '', operators));
    } else if (operator.endsWith('In') && count === 0) {
      const text = "must be specified when `operator` is 'In' or 'NotIn'";
      errors.push(required(`${at}.values`, text));
    } else if (operator.endsWith('st') && count > 0) {
      const text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      errors.push(forbiddenField(`${at}.values`, text));
    }
    for (const problem of qualifiedNameProblems(typeof key === 'string' ? key : '')) {
      errors.push(invalidValue(`${at}.key`, key, problem));
    }
  }
  return errors;
}

export function isEmptySelector(selector: JsonObject): boolean {
  const labels = selector['matchLabels'];
  return (
    (!isJsonObject(labels) || Object.keys(labels).length === 0) &&
    objectsIn(selector, 'matchExpressions').length === 0
  );
}

export function selects(selector: JsonObject, labels: unknown): boolean {
  return labelMatcher(selector)(isJsonObject(labels) ? (labels as Record<string, string>) : {});
}
