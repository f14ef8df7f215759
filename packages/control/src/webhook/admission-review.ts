import { isObject } from '@lateen/config';
import { ok, problem, type Problem, type Result } from '@lateen/core';

/** What an API server asks: may this object be written as it is? */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: string;
  /** Namespace of the object, also where the object itself does not say it. */
  readonly namespace: string;
  readonly name: string;
  readonly object: unknown;
  /** The form to answer in: `admission.k8s.io/v1` or `/v1beta1`. */
  readonly apiVersion: string;
}

/** The answer. */
export type AdmissionAnswer =
  | {
      readonly allowed: true;
      readonly patch?: readonly PatchOperation[];
      readonly warnings?: readonly string[];
    }
  | { readonly allowed: false; readonly problems: readonly Problem[] };

/** An operation of a JSON patch. */
export interface PatchOperation {
  readonly op: 'add' | 'remove' | 'replace';
  readonly path: string;
  readonly value?: unknown;
}

const versions = ['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'];

/** Decodes an AdmissionReview of either version. */
export function decodeReview(body: unknown): Result<AdmissionRequest> {
  if (!isObject(body) || body['kind'] !== 'AdmissionReview')
    return problem('kind', 'must be AdmissionReview');
  const { apiVersion, request } = body;
  if (typeof apiVersion !== 'string' || !versions.includes(apiVersion)) {
    return problem('apiVersion', `must be one of ${versions.join(', ')}`);
  }
  if (!isObject(request)) return problem('request', 'is required');
  if (typeof request['uid'] !== 'string') return problem('request.uid', 'is required');
  const text = (field: string): string => {
    const value = request[field];
    return typeof value === 'string' ? value : '';
  };
  return ok({
    uid: request['uid'],
    operation: text('operation'),
    namespace: text('namespace'),
    name: text('name'),
    object: request['object'],
    apiVersion,
  });
}

/** The AdmissionReview that carries an answer. */
export function encodeReview(
  request: Pick<AdmissionRequest, 'uid' | 'apiVersion'>,
  answer: AdmissionAnswer,
): object {
  return {
    apiVersion: request.apiVersion,
    kind: 'AdmissionReview',
    response: {
      uid: request.uid,
      ...(answer.allowed ? encodeAllowed(answer) : encodeRefused(answer.problems)),
    },
  };
}

function encodeAllowed(answer: AdmissionAnswer & { readonly allowed: true }): object {
  const patch = answer.patch ?? [];
  const warnings = answer.warnings ?? [];
  return {
    allowed: true,
    ...(patch.length === 0
      ? {}
      : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

function encodeRefused(problems: readonly Problem[]): object {
  const message = problems
    .map(({ path, message: text }) => (path === '' ? text : `${path}: ${text}`))
    .join('; ');
  return {
    allowed: false,
    status: {
      status: 'Failure',
      // As Istio answers: kubectl then prints the message as it is.
      reason: 'BadRequest',
      code: 400,
      message: `configuration is invalid: ${message}`,
      details: {
        causes: problems.map(({ path, message: text }) => ({
          reason: 'FieldValueInvalid',
          field: path,
          message: text,
        })),
      },
    },
  };
}
