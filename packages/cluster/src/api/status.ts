import { KubeStatusError, type KubeStatus } from '@lateen/kube';
import { causeOf, formatFieldError, type FieldError } from './field-error.ts';

/** What a status is about, in the API's words: the plural name for most, the kind for `Invalid`. */
export interface Subject {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

type Details = NonNullable<KubeStatus['details']>;

/** A failure as the API server answers it. */
export function failure(code: number, reason: string, message: string, details?: Details): KubeStatusError {
  return new KubeStatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  });
}

function qualified(subject: Subject): string {
  return subject.group === '' ? subject.plural : `${subject.plural}.${subject.group}`;
}

function detailsOf(subject: Subject, name: string): Details {
  return {
    ...(name === '' ? {} : { name }),
    ...(subject.group === '' ? {} : { group: subject.group }),
    kind: subject.plural,
  };
}

export function notFound(subject: Subject, name: string): KubeStatusError {
  return failure(404, 'NotFound', `${qualified(subject)} "${name}" not found`, detailsOf(subject, name));
}

/** No resource answers at this path. */
export function noSuchPath(): KubeStatusError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExists(subject: Subject, name: string): KubeStatusError {
  const message = `${qualified(subject)} "${name}" already exists`;
  return failure(409, 'AlreadyExists', message, detailsOf(subject, name));
}

export function conflict(subject: Subject, name: string, why?: string): KubeStatusError {
  const reason =
    why ?? 'the object has been modified; please apply your changes to the latest version and try again';
  const message = `Operation cannot be fulfilled on ${qualified(subject)} "${name}": ${reason}`;
  return failure(409, 'Conflict', message, detailsOf(subject, name));
}

export function invalid(subject: Subject, name: string, errors: readonly FieldError[]): KubeStatusError {
  const kind = subject.group === '' ? subject.kind : `${subject.kind}.${subject.group}`;
  const lines = [...new Set(errors.map(formatFieldError))];
  const text = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  return failure(422, 'Invalid', `${kind} "${name}" is invalid: ${text}`, {
    ...(name === '' ? {} : { name }),
    ...(subject.group === '' ? {} : { group: subject.group }),
    kind: subject.kind,
    causes: errors.map(causeOf),
  });
}

export function badRequest(message: string): KubeStatusError {
  return failure(400, 'BadRequest', message);
}

export function forbidden(subject: Subject, name: string, why: string): KubeStatusError {
  const about = name === '' ? qualified(subject) : `${qualified(subject)} "${name}"`;
  return failure(403, 'Forbidden', `${about} is forbidden: ${why}`, detailsOf(subject, name));
}

export function unauthorized(): KubeStatusError {
  return failure(401, 'Unauthorized', 'Unauthorized');
}

export function methodNotAllowed(): KubeStatusError {
  return failure(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

/** The revision of a list or watch is no longer kept. */
export function expired(message: string): KubeStatusError {
  return failure(410, 'Expired', message);
}

export function internalError(message: string): KubeStatusError {
  return failure(500, 'InternalError', `Internal error occurred: ${message}`, {
    causes: [{ message }],
  });
}

export function tooLarge(limitBytes: number): KubeStatusError {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}

export function unsupportedMediaType(type: string, supported: readonly string[]): KubeStatusError {
  return failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')} (got ${JSON.stringify(type)})`,
  );
}

/** The answer to a successful deletion. */
export function success(subject: Subject, name: string, uid: string | undefined): KubeStatus {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { ...detailsOf(subject, name), ...(uid === undefined ? {} : { uid }) },
  };
}
