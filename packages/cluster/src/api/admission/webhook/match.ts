import { labelMatcher, type LabelSelector } from '@lateen/kube';
import type { ServedVersion } from '../../registry/resource-type.ts';
import type { AdmissionRequest } from '../admission.ts';
import type { Webhook, WebhookRule } from './registration.ts';

function includes(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value);
}

/** `pods`, `pods/log`, `pods/*`, `*`, or a star with a subresource behind a slash (AdmissionRegistration, `rules.resources`). */
function matchesResource(patterns: readonly string[], plural: string, subresource: string): boolean {
  return patterns.some((pattern) => {
    const [resource = '', sub = ''] = pattern.split('/', 2);
    if (resource !== '*' && resource !== plural) return false;
    return sub === '*' || sub === subresource;
  });
}

function matchesRule(rule: WebhookRule, request: AdmissionRequest, version: ServedVersion): boolean {
  const { type, operation, subresource } = request;
  const scope = rule.scope ?? '*';
  if (scope === 'Namespaced' && !type.namespaced) return false;
  if (scope === 'Cluster' && type.namespaced) return false;
  return (
    includes(rule.operations, operation) &&
    includes(rule.apiGroups, version.group) &&
    includes(rule.apiVersions, version.version) &&
    matchesResource(rule.resources, type.plural, subresource)
  );
}

function selects(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>>): boolean {
  return selector === undefined || labelMatcher(selector)(labels);
}

/**
 * The version in which a webhook wants to see a call; undefined where it does not want to see it.
 *
 * `namespaceLabels` are those of the object's namespace, undefined for objects without one.
 */
export function matchWebhook(
  webhook: Webhook,
  request: AdmissionRequest,
  namespaceLabels: Readonly<Record<string, string>> | undefined,
): ServedVersion | undefined {
  const { type, version, object, old } = request;
  const candidates = webhook.matchPolicy === 'Exact' ? [version] : [version, ...type.versions];
  const wanted = candidates.find((one) =>
    (webhook.rules ?? []).some((rule) => matchesRule(rule, request, one)),
  );
  if (wanted === undefined) return undefined;
  const isNamespace = type.group === '' && type.plural === 'namespaces';
  const around = isNamespace ? ((object ?? old)?.metadata.labels ?? {}) : namespaceLabels;
  if (around !== undefined && !selects(webhook.namespaceSelector, around)) return undefined;
  const chosen = [object, old].some(
    (one) => one !== undefined && selects(webhook.objectSelector, one.metadata.labels ?? {}),
  );
  return chosen ? wanted : undefined;
}
