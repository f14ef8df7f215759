import type { HeaderMatcher } from '@lateen/protocol/envoy/config/route/v3';
import type { StringMatcher } from '@lateen/protocol/envoy/type/matcher/v3';

/** Takes any text but the empty one, as `*` does in Istio's policies. */
export const anyText: StringMatcher = { safeRegex: { regex: '.+' } };

/** A text of a policy: `*`, `*suffix`, `prefix*`, or the text itself (Istio, "AuthorizationPolicy"). */
export function textMatch(value: string): StringMatcher {
  if (value === '*') return anyText;
  if (value.startsWith('*')) return { suffix: value.slice(1) };
  if (value.endsWith('*')) return { prefix: value.slice(0, -1) };
  return { exact: value };
}

/** A text that stands after `before` in what is compared, which every form of it must begin with. */
export function textMatchAfter(before: string, value: string): StringMatcher {
  if (value === '*') return anyText;
  if (value.startsWith('*')) {
    return { safeRegex: { regex: `${escapeRegex(before)}.*${escapeRegex(value.slice(1))}` } };
  }
  if (value.endsWith('*')) return { prefix: before + value.slice(0, -1) };
  return { exact: before + value };
}

/** A condition on a header; `*` takes any value, also the empty one. */
export function headerMatch(name: string, value: string, ignoreCase = false): HeaderMatcher {
  if (value === '*') return { name, presentMatch: true };
  return { name, stringMatch: { ...textMatch(value), ...(ignoreCase ? { ignoreCase } : {}) } };
}

/** Text of which each character stands for itself in a regular expression. */
export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
