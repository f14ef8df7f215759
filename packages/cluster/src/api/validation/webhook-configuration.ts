import type { JsonObject, KubeObject } from '@lateen/kube';
import { objectIn, objectsIn, textIn } from '../builtin/default-fields.ts';
import { duplicate, invalidValue, notSupported, required, type FieldError } from '../field-error.ts';
import { validateSelector } from './label-selector.ts';
import { dnsSubdomainProblems } from './names.ts';

const reviewVersions = ['v1', 'v1beta1'];
const maxTimeoutSeconds = 30;

export function validateWebhooks(configuration: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, webhook] of objectsIn(configuration, 'webhooks').entries()) {
    const at = `webhooks[${index}]`;
    const name = textIn(webhook, 'name');
    if (name.split('.').length < 3) {
      const text = 'should be a domain with at least three segments separated by dots';
      errors.push(invalidValue(`${at}.name`, name, text));
    }
    for (const problem of dnsSubdomainProblems(name)) errors.push(invalidValue(`${at}.name`, name, problem));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    errors.push(...validateWebhook(webhook, at));
  }
  return errors;
}

function validateWebhook(webhook: JsonObject, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const versions = webhook['admissionReviewVersions'];
  const known =
    Array.isArray(versions) && versions.some((version) => reviewVersions.includes(String(version)));
  if (!Array.isArray(versions) || versions.length === 0) {
    errors.push(required(`${at}.admissionReviewVersions`, 'must specify one of v1, v1beta1'));
  } else if (!known) {
    const text = 'must include at least one of v1, v1beta1';
    errors.push(invalidValue(`${at}.admissionReviewVersions`, versions, text));
  }
  const choices = { failurePolicy: ['Fail', 'Ignore'], matchPolicy: ['Equivalent', 'Exact'] };
  for (const [field, allowed] of Object.entries(choices)) {
    const value = textIn(webhook, field);
    if (!allowed.includes(value)) errors.push(notSupported(`${at}.${field}`, value, allowed));
  }
  if (textIn(webhook, 'sideEffects') === '') {
    errors.push(required(`${at}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
  }
  const seconds = webhook['timeoutSeconds'];
  if (typeof seconds === 'number' && (seconds < 1 || seconds > maxTimeoutSeconds)) {
    errors.push(
      invalidValue(`${at}.timeoutSeconds`, seconds, 'the timeout value must be between 1 and 30 seconds'),
    );
  }
  const client = objectIn(webhook, 'clientConfig');
  const service = objectIn(client, 'service');
  const url = textIn(client, 'url');
  if ((service === undefined) === (url === '')) {
    errors.push(required(`${at}.clientConfig`, 'exactly one of url or service is required'));
  }
  if (service !== undefined) {
    for (const field of ['namespace', 'name']) {
      if (textIn(service, field) === '') errors.push(required(`${at}.clientConfig.service.${field}`));
    }
  }
  if (url !== '' && !URL.canParse(url))
    errors.push(invalidValue(`${at}.clientConfig.url`, url, 'url must be valid'));
  for (const field of ['namespaceSelector', 'objectSelector']) {
    const selector = objectIn(webhook, field);
    if (selector !== undefined) errors.push(...validateSelector(selector, `${at}.${field}`));
  }
  return errors;
}
