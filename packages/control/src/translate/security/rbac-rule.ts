import { packAny } from '@lateen/protocol';
import type { Permission, Policy, Principal } from '@lateen/protocol/envoy/config/rbac/v3';
import { UriTemplateMatchConfig } from '@lateen/protocol/envoy/extensions/path/match/uri_template/v3';
import { bracketedNames, type AuthorizationRule } from '@lateen/config';
import { prefixRanges } from '../listener/filter-chain-match.ts';
import { claimAmong, requestPrincipal } from './claim-match.ts';
import { escapeRegex, headerMatch, textMatch, textMatchAfter } from './text-match.ts';
import { inOwnTrustDomains } from './trust-domain.ts';

/** For whom a rule is written. */
export interface RuleContext {
  /** Rules about connections know nothing of requests. */
  readonly carries: 'http' | 'tcp';
  /**
   * Whether a condition that cannot be judged makes the whole rule void, as for those that allow; else it is
   * left out, so that a rule that denies denies more.
   */
  readonly strict: boolean;
  /** Namespace of the policy. */
  readonly namespace: string;
  /** The trust domain of the mesh, then its aliases. */
  readonly trustDomains: readonly string[];
}

/** What values of a property become; undefined where it cannot be judged here. */
type Build<Matcher> = (values: readonly string[], context: RuleContext) => readonly Matcher[] | undefined;

const each =
  <Matcher>(build: (value: string, context: RuleContext) => Matcher): Build<Matcher> =>
  (values, context) =>
    values.map((value) => build(value, context));
const ofRequests =
  <Matcher>(build: Build<Matcher>): Build<Matcher> =>
  (values, context) =>
    context.carries === 'http' ? build(values, context) : undefined;

const range = (value: string) => prefixRanges([value])[0] ?? {};

const hosts: Build<Permission> = ofRequests(
  each((value) => ({ header: headerMatch(':authority', value, true) })),
);
const methods: Build<Permission> = ofRequests(each((value) => ({ header: headerMatch(':method', value) })));
const paths: Build<Permission> = ofRequests(each(pathPermission));
const ports: Build<Permission> = each((value) => ({ destinationPort: Number(value) }));
const destinationIps: Build<Permission> = each((value) => ({ destinationIp: range(value) }));
const serverNames: Build<Permission> = each((value) => ({ requestedServerName: textMatch(value) }));

const named = (regex: string): Principal => ({ authenticated: { principalName: { safeRegex: { regex } } } });
const principals: Build<Principal> = (values, { trustDomains }) =>
  inOwnTrustDomains(values, trustDomains).map((value) => ({
    authenticated: { principalName: textMatchAfter('spiffe://', value) },
  }));
const namespaces: Build<Principal> = each((value) =>
  named(`.*/ns/${value.split('*').map(escapeRegex).join('.*')}/.*`),
);
const serviceAccounts: Build<Principal> = each((value, context) => {
  const [account = '', namespace = context.namespace] = value.split('/').toReversed();
  return named(`spiffe://.+/ns/${escapeRegex(namespace)}/(.+/|)sa/${escapeRegex(account)}(/.+)?`);
});
const addresses: Build<Principal> = each((value) => ({ directRemoteIp: range(value) }));
const remoteAddresses: Build<Principal> = each((value) => ({ remoteIp: range(value) }));
const requestPrincipals: Build<Principal> = ofRequests(
  each((value) => ({ andIds: { ids: requestPrincipal(value).map((metadata) => ({ metadata })) } })),
);
const claim = (names: readonly string[]): Build<Principal> =>
  ofRequests((values) => (values.length === 0 ? [] : [{ metadata: claimAmong(names, values) }]));

function pathPermission(value: string): Permission {
  if (!value.includes('{')) return { urlPath: { path: textMatch(value) } };
  const pathTemplate = value.replaceAll('{*}', '*').replaceAll('{**}', '**');
  return {
    uriTemplate: { name: 'uri-template', typedConfig: packAny(UriTemplateMatchConfig, { pathTemplate }) },
  };
}

/** The conditions of `when` on what is asked for, by their keys. */
const permissionKeys: Readonly<Record<string, Build<Permission>>> = {
  'destination.ip': destinationIps,
  'destination.port': ports,
  'connection.sni': serverNames,
};
/** The conditions of `when` on who asks, by their keys. */
const principalKeys: Readonly<Record<string, Build<Principal>>> = {
  'source.ip': addresses,
  'remote.ip': remoteAddresses,
  'source.namespace': namespaces,
  'source.principal': principals,
  'source.serviceAccount': serviceAccounts,
  'request.auth.principal': requestPrincipals,
  'request.auth.audiences': claim(['aud']),
  'request.auth.presenter': claim(['azp']),
};

function principalKey(key: string): Build<Principal> | undefined {
  const known = principalKeys[key];
  if (known !== undefined) return known;
  for (const attribute of ['request.headers', 'request.auth.claims']) {
    if (!key.startsWith(`${attribute}[`)) continue;
    const names = bracketedNames(key.slice(attribute.length));
    if (names === undefined) return () => undefined;
    if (attribute === 'request.auth.claims') return claim(names);
    const [header = ''] = names;
    return ofRequests(each((value) => ({ header: headerMatch(header, value) })));
  }
  return undefined;
}

/** A property with what is asked of it. */
interface Asked<Matcher> {
  readonly build: Build<Matcher>;
  readonly values: readonly string[] | undefined;
  readonly notValues: readonly string[] | undefined;
}

/** How the matchers of one side are put together. */
interface Side<Matcher> {
  readonly any: Matcher;
  all(matchers: readonly Matcher[]): Matcher;
  some(matchers: readonly Matcher[]): Matcher;
  not(matcher: Matcher): Matcher;
}
const permissionSide: Side<Permission> = {
  any: { any: true },
  all: (rules) => ({ andRules: { rules } }),
  some: (rules) => ({ orRules: { rules } }),
  not: (notRule) => ({ notRule }),
};
const principalSide: Side<Principal> = {
  any: { any: true },
  all: (ids) => ({ andIds: { ids } }),
  some: (ids) => ({ orIds: { ids } }),
  not: (notId) => ({ notId }),
};

/** All that is asked, as one matcher; undefined where it makes the rule void. */
function conjunction<Matcher>(
  asked: readonly Asked<Matcher>[],
  side: Side<Matcher>,
  context: RuleContext,
): Matcher | undefined {
  const parts: Matcher[] = [];
  for (const { build, values = [], notValues = [] } of asked) {
    for (const [texts, negated] of [
      [values, false],
      [notValues, true],
    ] as const) {
      if (texts.length === 0) continue;
      const matchers = build(texts, context);
      if (matchers === undefined && context.strict) return undefined;
      if (matchers === undefined || matchers.length === 0) continue;
      parts.push(negated ? side.not(side.some(matchers)) : side.some(matchers));
    }
  }
  return side.all(parts.length === 0 ? [side.any] : parts);
}

/** Takes nobody and nothing: what a policy without rules is. */
export const neverPolicy: Policy = {
  permissions: [{ notRule: { any: true } }],
  principals: [{ notId: { any: true } }],
};

/** A rule of an AuthorizationPolicy in Envoy's form; undefined where it can match nothing here. */
export function rbacPolicy(rule: AuthorizationRule, context: RuleContext): Policy | undefined {
  const asksFor: Asked<Permission>[] = [];
  const asks: Asked<Principal>[] = [];
  for (const { key, values, notValues } of rule.when ?? []) {
    const permission = permissionKeys[key];
    const principal = principalKey(key);
    if (permission !== undefined) asksFor.push({ build: permission, values, notValues });
    else if (principal !== undefined) asks.push({ build: principal, values, notValues });
    // Not among the attributes that are known: void whatever the action, as in Istio.
    else return undefined;
  }
  const sources = orOne(rule.from).map(({ source = {} }) =>
    conjunction(
      [
        { build: principals, values: source.principals, notValues: source.notPrincipals },
        {
          build: requestPrincipals,
          values: source.requestPrincipals,
          notValues: source.notRequestPrincipals,
        },
        { build: namespaces, values: source.namespaces, notValues: source.notNamespaces },
        { build: serviceAccounts, values: source.serviceAccounts, notValues: source.notServiceAccounts },
        { build: remoteAddresses, values: source.remoteIpBlocks, notValues: source.notRemoteIpBlocks },
        { build: addresses, values: source.ipBlocks, notValues: source.notIpBlocks },
        ...asks,
      ],
      principalSide,
      context,
    ),
  );
  const operations = orOne(rule.to).map(({ operation = {} }) =>
    conjunction(
      [
        { build: hosts, values: operation.hosts, notValues: operation.notHosts },
        { build: methods, values: operation.methods, notValues: operation.notMethods },
        { build: paths, values: operation.paths, notValues: operation.notPaths },
        { build: ports, values: operation.ports, notValues: operation.notPorts },
        ...asksFor,
      ],
      permissionSide,
      context,
    ),
  );
  // One source or operation that cannot be judged makes the whole rule void.
  if (!sources.every(isDefined) || !operations.every(isDefined)) return undefined;
  return { permissions: operations, principals: sources };
}

/** A list, of which an empty one says no more than one entry that asks for nothing. */
function orOne<T extends object>(list: readonly T[] | undefined): readonly (T | Record<string, never>)[] {
  return list === undefined || list.length === 0 ? [{}] : list;
}

function isDefined<T>(value: T | undefined): value is T {
  return value !== undefined;
}
