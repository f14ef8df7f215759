import type { MetadataMatcher, StringMatcher } from '@lateen/protocol/envoy/type/matcher/v3';
import { anyText, textMatch } from './text-match.ts';

/** Where the filter for tokens leaves what it has verified. */
const tokenFilter = 'envoy.filters.http.jwt_authn';
/** Key of the payload there; the filter is told it by `payload_in_metadata`. */
export const payloadKey = 'payload';

const path = (claims: readonly string[]): MetadataMatcher['path'] =>
  [payloadKey, ...claims].map((key) => ({ key }));

/** A claim that is one text. */
export function claimText(claim: string, stringMatch: StringMatcher): MetadataMatcher {
  return { filter: tokenFilter, path: path([claim]), value: { stringMatch } };
}

/** A claim, reached by names one in the other, that is one of these texts or a list with one of them. */
export function claimAmong(claims: readonly string[], values: readonly string[]): MetadataMatcher {
  return claimFitting(claims, values.map(textMatch));
}

/** A claim, reached likewise, that is a text which one of these fits, or a list with such a text. */
export function claimFitting(claims: readonly string[], texts: readonly StringMatcher[]): MetadataMatcher {
  const valueMatchers = texts.flatMap((stringMatch) => {
    const one = { stringMatch };
    return [one, { listMatch: { oneOf: one } }];
  });
  return { filter: tokenFilter, path: path(claims), value: { orMatch: { valueMatchers } } };
}

/** A claim, reached likewise, of whatever value. */
export function claimPresent(claims: readonly string[]): MetadataMatcher {
  return { filter: tokenFilter, path: path(claims), value: { presentMatch: true } };
}

/**
 * The identity of a token, written `ISSUER/SUBJECT`: the subject stands after the last slash, since an
 * issuer may be an URL. `*` at the beginning is the end of any issuer, at the end the beginning of any subject.
 */
export function requestPrincipal(value: string): readonly [MetadataMatcher, MetadataMatcher] {
  const slash = value.lastIndexOf('/');
  const issuer = slash < 0 ? value : value.slice(0, slash);
  const subject = slash < 0 ? '' : value.slice(slash + 1);
  const both = (iss: StringMatcher, sub: StringMatcher): readonly [MetadataMatcher, MetadataMatcher] => [
    claimText('iss', iss),
    claimText('sub', sub),
  ];
  if (value === '*') return both(anyText, anyText);
  if (value.startsWith('*')) {
    return slash < 0 ? both(anyText, textMatch(value)) : both(textMatch(issuer), { exact: subject });
  }
  if (value.endsWith('*')) {
    return slash < 0 ? both(textMatch(value), anyText) : both({ exact: issuer }, textMatch(subject));
  }
  return both({ exact: issuer }, { exact: subject });
}
