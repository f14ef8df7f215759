import { randomUUID } from 'node:crypto';
import { cloneJson, type KubeObject } from '@lateen/kube';
import { apiVersionText, type ServedVersion } from '../../registry/resource-type.ts';
import type { AdmissionRequest } from '../admission.ts';
import type { Webhook } from './registration.ts';

/** What a webhook answers. */
export interface ReviewAnswer {
  readonly allowed: boolean;
  readonly status?: { readonly message?: string; readonly reason?: string; readonly code?: number };
  /** JSON patch, decoded. */
  readonly patch?: unknown;
  readonly warnings: readonly string[];
}

const known = ['v1', 'v1beta1'];

/** The version of AdmissionReview that server and webhook both know; `v1` where the webhook names none. */
function reviewVersion(webhook: Webhook): string {
  const offered = webhook.admissionReviewVersions ?? [];
  return offered.find((version) => known.includes(version)) ?? 'v1';
}

/** An object in the version that the webhook wants to see it in. */
function shown(object: KubeObject | undefined, version: ServedVersion): KubeObject | null {
  if (object === undefined) return null;
  const converted = version.fromStored?.(cloneJson(object)) ?? object;
  return { ...converted, apiVersion: apiVersionText(version) };
}

/** The AdmissionReview of a call, with the uid that its answer must carry. */
export function buildReview(
  webhook: Webhook,
  request: AdmissionRequest,
  version: ServedVersion,
): { readonly uid: string; readonly body: string } {
  const uid = randomUUID();
  const { type, context, object, old } = request;
  const { user } = context;
  const kind = { group: version.group, version: version.version, kind: type.kind };
  const resource = { group: version.group, version: version.version, resource: type.plural };
  const asked = { group: request.version.group, version: request.version.version };
  const body = {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${reviewVersion(webhook)}`,
    request: {
      uid,
      kind,
      resource,
      ...(request.subresource === '' ? {} : { subResource: request.subresource }),
      requestKind: { ...asked, kind: type.kind },
      requestResource: { ...asked, resource: type.plural },
      name: object?.metadata.name ?? request.name,
      ...(type.namespaced ? { namespace: object?.metadata.namespace ?? request.namespace } : {}),
      operation: request.operation,
      userInfo: {
        username: user.name,
        groups: user.groups,
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        ...(user.extra === undefined ? {} : { extra: user.extra }),
      },
      object: shown(object, version),
      oldObject: shown(old, version),
      dryRun: context.dryRun,
      options: null,
    },
  };
  return { uid, body: JSON.stringify(body) };
}

/** Reads an answer; throws an Error that says what is wrong with it. */
export function parseReview(text: string, uid: string): ReviewAnswer {
  const review = JSON.parse(text) as {
    readonly kind?: unknown;
    readonly response?: {
      readonly uid?: unknown;
      readonly allowed?: unknown;
      readonly status?: ReviewAnswer['status'];
      readonly patch?: unknown;
      readonly patchType?: unknown;
      readonly warnings?: unknown;
    };
  };
  const response = review.response;
  if (review.kind !== 'AdmissionReview' || response === undefined || typeof response.allowed !== 'boolean') {
    throw new Error('webhook response is no AdmissionReview with a response');
  }
  if (response.uid !== uid)
    throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid)}`);
  const warnings = Array.isArray(response.warnings) ? response.warnings.map(String) : [];
  const answer = {
    allowed: response.allowed,
    warnings,
    ...(response.status ? { status: response.status } : {}),
  };
  if (typeof response.patch !== 'string' || response.patch === '') return answer;
  if (response.patchType !== 'JSONPatch')
    throw new Error(`unsupported patch type ${JSON.stringify(response.patchType)}`);
  return { ...answer, patch: JSON.parse(Buffer.from(response.patch, 'base64').toString('utf8')) as unknown };
}
