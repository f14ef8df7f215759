/** One thing that is wrong with one field of an object, in the API server's vocabulary. */
export interface FieldError {
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueNotFound'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid';
  /** As in `spec.ports[0].port`. */
  readonly field: string;
  /** Without the path: `Invalid value: 70000: must be between 1 and 65535, inclusive`. */
  readonly message: string;
}

function shown(value: unknown): string {
  if (value === undefined) return 'null';
  return JSON.stringify(value);
}

function withDetail(head: string, detail: string): string {
  return detail === '' ? head : `${head}: ${detail}`;
}

export function required(field: string, detail = ''): FieldError {
  return { reason: 'FieldValueRequired', field, message: withDetail('Required value', detail) };
}

export function invalidValue(field: string, value: unknown, detail: string): FieldError {
  const message = withDetail(`Invalid value: ${shown(value)}`, detail);
  return { reason: 'FieldValueInvalid', field, message };
}

export function typeInvalid(field: string, value: unknown, detail: string): FieldError {
  const message = withDetail(`Invalid value: ${shown(value)}`, detail);
  return { reason: 'FieldValueTypeInvalid', field, message };
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const allowed = supported.map((text) => JSON.stringify(text)).join(', ');
  return {
    reason: 'FieldValueNotSupported',
    field,
    message: `Unsupported value: ${shown(value)}: supported values: ${allowed}`,
  };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { reason: 'FieldValueDuplicate', field, message: `Duplicate value: ${shown(value)}` };
}

export function forbiddenField(field: string, detail: string): FieldError {
  return { reason: 'FieldValueForbidden', field, message: withDetail('Forbidden', detail) };
}

export function missingReference(field: string, value: unknown): FieldError {
  return { reason: 'FieldValueNotFound', field, message: `Not found: ${shown(value)}` };
}

export function tooLong(field: string, maxBytes: number): FieldError {
  return {
    reason: 'FieldValueTooLong',
    field,
    message: `Too long: may not be more than ${maxBytes} bytes`,
  };
}

export function tooMany(field: string, count: number, max: number): FieldError {
  return {
    reason: 'FieldValueTooMany',
    field,
    message: `Too many: ${count}: must have at most ${max} items`,
  };
}

/** `spec.replicas: Invalid value: -1: must be greater than or equal to 0` */
export function formatFieldError(error: FieldError): string {
  return error.field === '' ? error.message : `${error.field}: ${error.message}`;
}

/** The same in the form that `Status.details.causes` carries. */
export function causeOf(error: FieldError): { reason: string; message: string; field: string } {
  return { reason: error.reason, message: error.message, field: error.field };
}
