import type { AuthorizationPolicy } from '../kinds/config-object.ts';
import type { AuthorizationRule } from '../kinds/authorization-policy.ts';
import type { Report } from '../schema/check-shape.ts';
import { checkLabels, isAddressOrCidr } from './names.ts';
import { checkTargets } from './policy-targets.ts';

type Source = NonNullable<NonNullable<AuthorizationRule['from']>[number]['source']>;
type Operation = NonNullable<NonNullable<AuthorizationRule['to']>[number]['operation']>;
type Condition = NonNullable<AuthorizationRule['when']>[number];

/** Attributes that conditions can name; those that end with `[` take a name in brackets. */
const conditionKeys = [
  'request.headers[',
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.principal',
  'source.serviceAccount',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'request.auth.claims[',
  'destination.ip',
  'destination.port',
  'connection.sni',
];

const addressFields = ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const;
const addressKeys = new Set(['source.ip', 'remote.ip', 'destination.ip']);
const afterCustom = 'cannot be judged for action CUSTOM: tokens are verified after it';

/** Reports what is wrong with an AuthorizationPolicy. */
export function checkAuthorizationPolicy({ spec, metadata }: AuthorizationPolicy, report: Report): void {
  checkLabels(spec.selector?.matchLabels, 'spec.selector.matchLabels', report);
  checkTargets(spec, report);
  const dryRun = metadata.annotations?.['istio.io/dry-run'];
  if (dryRun !== undefined && !/^(1|0|t|f|true|false)$/i.test(dryRun)) {
    report('metadata.annotations["istio.io/dry-run"]', `must be "true" or "false", not "${dryRun}"`);
  }
  const rules = spec.rules ?? [];
  if (spec.action === 'CUSTOM') {
    if (!spec.provider?.name) report('spec.provider.name', 'is required for action CUSTOM');
    if (rules.length === 0) {
      report(
        'spec.rules',
        'must have at least one element for action CUSTOM; use {} to ask about everything',
      );
    }
  } else if (spec.provider !== undefined) {
    report('spec.provider', `must not be set for action ${spec.action ?? 'ALLOW'}`);
  }
  const custom = spec.action === 'CUSTOM';
  for (const [r, rule] of rules.entries()) {
    const path = `spec.rules[${r}]`;
    for (const [f, { source }] of (rule.from ?? []).entries()) {
      checkSource(source ?? {}, `${path}.from[${f}].source`, custom, report);
    }
    for (const [t, { operation }] of (rule.to ?? []).entries()) {
      checkOperation(operation ?? {}, `${path}.to[${t}].operation`, report);
    }
    for (const [w, condition] of (rule.when ?? []).entries()) {
      checkCondition(condition, `${path}.when[${w}]`, custom, report);
    }
  }
}

/** A group that asks for nothing, or for an empty text, would say something else than it seems to. */
function checkValues(fields: Readonly<Record<string, unknown>>, at: string, report: Report): void {
  const isEmpty = Object.values(fields).every((values) => Array.isArray(values) && values.length === 0);
  if (isEmpty) report(at, 'must have at least one property');
  for (const [field, values] of Object.entries(fields)) {
    if (!Array.isArray(values)) continue;
    for (const [i, value] of values.entries()) {
      if (value === '') report(`${at}.${field}[${i}]`, 'must not be empty');
    }
  }
}

function checkSource(source: Source, at: string, custom: boolean, report: Report): void {
  checkValues(source, at, report);
  for (const field of addressFields) {
    for (const [b, block] of (source[field] ?? []).entries())
      checkAddress(block, `${at}.${field}[${b}]`, report);
  }
  for (const field of ['serviceAccounts', 'notServiceAccounts'] as const) {
    const accounts = source[field] ?? [];
    if (accounts.length === 0) continue;
    for (const other of ['principals', 'notPrincipals', 'namespaces', 'notNamespaces'] as const) {
      if ((source[other] ?? []).length > 0) {
        report(`${at}.${field}`, `cannot be used together with ${other}; write NAMESPACE/ACCOUNT instead`);
      }
    }
    for (const [a, account] of accounts.entries()) {
      if (account.includes('*')) report(`${at}.${field}[${a}]`, 'must be a full name: * is not allowed here');
      else if (account.split('/').length > 2) {
        report(`${at}.${field}[${a}]`, `must be ACCOUNT or NAMESPACE/ACCOUNT, not "${account}"`);
      }
    }
  }
  if (!custom) return;
  for (const field of ['requestPrincipals', 'notRequestPrincipals'] as const) {
    if (source[field] !== undefined) report(`${at}.${field}`, afterCustom);
  }
}

function checkAddress(value: string, at: string, report: Report): void {
  if (value !== '' && !isAddressOrCidr(value)) {
    report(at, `must be an IP address or a CIDR block, not "${value}"`);
  }
}

function checkPort(port: string, at: string, report: Report): void {
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    report(at, `must be a port number, not "${port}"`);
  }
}

function checkOperation(operation: Operation, at: string, report: Report): void {
  checkValues(operation, at, report);
  for (const field of ['ports', 'notPorts'] as const) {
    for (const [p, port] of (operation[field] ?? []).entries())
      checkPort(port, `${at}.${field}[${p}]`, report);
  }
  for (const field of ['paths', 'notPaths'] as const) {
    for (const [p, path] of (operation[field] ?? []).entries()) {
      const problem = templateProblem(path);
      if (problem !== undefined) report(`${at}.${field}[${p}]`, problem);
    }
  }
}

/** What is wrong with a path that has `{*}` or `{**}` in it; undefined where it has none. */
function templateProblem(path: string): string | undefined {
  if (!/[{}]/.test(path)) return undefined;
  if (!path.startsWith('/')) return 'must begin with / where it has {*} or {**}';
  const segments = path.slice(1).split('/');
  for (const [i, segment] of segments.entries()) {
    if (segment === '{**}' && segments.indexOf('{**}') !== i) return 'may have {**} only once';
    if (segment === '{**}' && segments.slice(i + 1).includes('{*}')) return 'may have no {*} after {**}';
    if (segment !== '{*}' && segment !== '{**}' && /[{}*]/.test(segment)) {
      return `must have {*} or {**} as a whole segment, and no other *, not "${segment}"`;
    }
  }
  return undefined;
}

function isKnown(key: string): boolean {
  return conditionKeys.some((known) => {
    if (!known.endsWith('[')) return key === known;
    if (!key.startsWith(known)) return false;
    const names = key.slice(known.length - 1);
    return known === 'request.headers[' ? /^\[[^[\]]+\]$/.test(names) : /^(\[[^[\]]+\])+$/.test(names);
  });
}

function checkCondition(condition: Condition, at: string, custom: boolean, report: Report): void {
  const { key, values = [], notValues = [] } = condition;
  if (values.length + notValues.length === 0) report(at, 'must have values or notValues');
  if (!isKnown(key)) {
    const all = conditionKeys.map((known) => (known.endsWith('[') ? `${known}NAME]` : known)).join(', ');
    report(`${at}.key`, `must be one of ${all}, not "${key}"`);
  }
  if (custom && key.startsWith('request.auth.')) report(`${at}.key`, afterCustom);
  for (const [field, list] of [
    ['values', values],
    ['notValues', notValues],
  ] as const) {
    for (const [v, value] of list.entries()) {
      const place = `${at}.${field}[${v}]`;
      if (value === '') report(place, 'must not be empty');
      else if (addressKeys.has(key)) checkAddress(value, place, report);
      else if (key === 'destination.port') checkPort(value, place, report);
    }
  }
}
