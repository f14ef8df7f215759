import type { HeaderValueOption } from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import type { HeaderMatcher } from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import type { HeaderAddition, HeaderMatch, HeaderOperations, StringMatch } from '../model/index.ts';
import { decodeRegex, decodeStringMatch } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const matcherPolicy = fieldPolicy(route.HeaderMatcher, [
  'name',
  'exactMatch',
  'safeRegexMatch',
  'rangeMatch',
  'presentMatch',
  'prefixMatch',
  'suffixMatch',
  'containsMatch',
  'stringMatch',
  'invertMatch',
  'treatMissingHeaderAsEmpty',
]);
const optionPolicy = fieldPolicy(core.HeaderValueOption, [
  'header',
  'append',
  'appendAction',
  'keepEmptyValue',
]);

export const headerPolicies = [matcherPolicy, optionPolicy];

/** A condition on one header. */
export function decodeHeaderMatch(scope: Scope, message: HeaderMatcher): HeaderMatch {
  scope.check(matcherPolicy, message);
  if (message.name === undefined) scope.at('name').fail('must not be empty');
  return {
    name: (message.name ?? '').toLowerCase(),
    match: decodeCondition(scope, message),
    invert: message.invertMatch ?? false,
    treatMissingAsEmpty: message.treatMissingHeaderAsEmpty ?? false,
  };
}

function decodeCondition(scope: Scope, message: HeaderMatcher): HeaderMatch['match'] {
  if (message.presentMatch !== undefined) return { kind: 'present', present: message.presentMatch };
  if (message.rangeMatch !== undefined) {
    return { kind: 'range', start: message.rangeMatch.start ?? 0, end: message.rangeMatch.end ?? 0 };
  }
  const string = decodeText(scope, message);
  // Without a condition the header must be there (envoy.config.route.v3.HeaderMatcher).
  return string === undefined ? { kind: 'present', present: true } : { kind: 'string', string };
}

function decodeText(scope: Scope, message: HeaderMatcher): StringMatch | undefined {
  if (message.stringMatch !== undefined)
    return decodeStringMatch(scope.at('stringMatch'), message.stringMatch);
  if (message.exactMatch !== undefined) return { kind: 'exact', value: message.exactMatch };
  if (message.prefixMatch !== undefined) return { kind: 'prefix', value: message.prefixMatch };
  if (message.suffixMatch !== undefined) return { kind: 'suffix', value: message.suffixMatch };
  if (message.containsMatch !== undefined) return { kind: 'contains', value: message.containsMatch };
  if (message.safeRegexMatch !== undefined) {
    return { kind: 'regex', regex: decodeRegex(scope.at('safeRegexMatch'), message.safeRegexMatch) };
  }
  return undefined;
}

const actions: Readonly<Record<string, HeaderAddition['action']>> = {
  APPEND_IF_EXISTS_OR_ADD: 'append',
  ADD_IF_ABSENT: 'add_if_absent',
  OVERWRITE_IF_EXISTS_OR_ADD: 'overwrite',
  OVERWRITE_IF_EXISTS: 'overwrite_if_exists',
};

const operationFields = {
  request: { addField: 'requestHeadersToAdd', removeField: 'requestHeadersToRemove' },
  response: { addField: 'responseHeadersToAdd', removeField: 'responseHeadersToRemove' },
} as const;

/** The additions and removals that routes, virtual hosts, tables and weighted clusters have. */
export function decodeHeaderOperations(
  scope: Scope,
  message: object,
  direction: 'request' | 'response',
): HeaderOperations {
  const fields = message as Readonly<Record<string, unknown>>;
  const { addField, removeField } = operationFields[direction];
  const add = (fields[addField] ?? []) as readonly HeaderValueOption[];
  const remove = (fields[removeField] ?? []) as readonly string[];
  if (add.length === 0 && remove.length === 0) return none;
  return {
    add: decodeHeaderAdditions(scope.at(addField), add),
    remove: remove.map((name, i) => {
      if (isProtectedHeader(name)) scope.at(removeField).at(i).fail(`${name} cannot be removed`);
      return name.toLowerCase();
    }),
  };
}

const none: HeaderOperations = { add: [], remove: [] };

/** Headers that are added, in order. */
export function decodeHeaderAdditions(
  scope: Scope,
  list: readonly HeaderValueOption[] | undefined,
): readonly HeaderAddition[] {
  return (list ?? []).map((option, i) => decodeAddition(scope.at(i), option));
}

function decodeAddition(scope: Scope, option: HeaderValueOption): HeaderAddition {
  scope.check(optionPolicy, option);
  const name = option.header?.key ?? '';
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z:]+$/.test(name))
    scope.at('header').at('key').fail(`"${name}" is not a header name`);
  else if (isProtectedHeader(name))
    scope.at('header').at('key').fail(`${name} cannot be changed: use a rewrite`);
  const raw = option.header?.rawValue;
  const value = option.header?.value ?? (raw === undefined ? '' : Buffer.from(raw).toString('latin1'));
  if (/[\0\r\n]/.test(value)) scope.at('header').at('value').fail('must not hold NUL, CR or LF');
  return {
    name: name.toLowerCase(),
    value,
    action:
      option.append === undefined
        ? scope.at('appendAction').choice(option.appendAction, actions, 'append')
        : option.append
          ? 'append'
          : 'overwrite',
    keepEmpty: option.keepEmptyValue ?? false,
  };
}

/** Host and pseudo headers decide where a request goes; Envoy refuses to change them here too. */
export function isProtectedHeader(name: string): boolean {
  return name.startsWith(':') || name.toLowerCase() === 'host';
}
