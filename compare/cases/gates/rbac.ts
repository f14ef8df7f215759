import { accessLog, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Ports, Setup } from '../../case.ts';
import { get } from '../../request.ts';
import { certificates } from '../../certificates.ts';
import { gateSetup, inspector, mutualTls, networkFilter, says, saysTls } from './setup.ts';

type Policies = Readonly<Record<string, object>>;
type More = Parameters<typeof gateSetup>[3];

const anyone = [{ any: true }];
const to = (...permissions: readonly object[]): object => ({ permissions, principals: anyone });
const by = (...principals: readonly object[]): object => ({ permissions: anyone, principals });
const filter = (config: object): object => networkFilter('rbac.v3.RBAC', { stat_prefix: 'gate', ...config });

/** Each policy is the shadow rule of a filter of its own: one connection tells what all of them say. */
const each = (
  name: string,
  policies: (ports: Ports) => Policies,
  cases: readonly CompareCase[],
  more: More = {},
): Setup =>
  gateSetup(
    `rbac-${name}`,
    (ports) =>
      Object.entries(policies(ports)).map(([key, policy]) =>
        filter({ shadow_rules: { policies: { [key]: policy } }, shadow_rules_stat_prefix: `${key}_` }),
      ),
    cases,
    more,
  );
const enforced = (
  name: string,
  config: object,
  cases: readonly CompareCase[],
  more: More = {},
  before: readonly object[] = [],
): Setup => gateSetup(`rbac-${name}`, [...before, filter(config)], cases, more);

const talk = ['hi', { until: 'welcome' }] as const;
const range = (address_prefix: string, prefix_len: number): object => ({ address_prefix, prefix_len });
const proxyProtocol = {
  name: 'proxy_protocol',
  typed_config: {
    '@type': typeOf('filters.listener.proxy_protocol.v3.ProxyProtocol'),
    rules: [
      {
        tlv_type: 0xea,
        on_tlv_present: { key: 'vpc', metadata_namespace: 'envoy.filters.listener.proxy_protocol' },
      },
    ],
  },
};

const sources = (address: string, bits: number, key: string): Policies => ({
  [`source_${key}`]: by({ source_ip: range(address, bits) }),
  [`direct_${key}`]: by({ direct_remote_ip: range(address, bits) }),
  [`remote_${key}`]: by({ remote_ip: range(address, bits) }),
});
const vpc = (value: object): object => ({
  filter: 'envoy.filters.listener.proxy_protocol',
  path: [{ key: 'vpc' }],
  value,
});
const places = ({ main, other }: Ports): Policies => ({
  port: to({ destination_port: main }),
  port_other: to({ destination_port: other }),
  port_80: to({ destination_port: 80 }),
  range: to({ destination_port_range: { start: 80, end: 82 } }),
  range_until: to({ destination_port_range: { start: 79, end: 80 } }),
  range_all: to({ destination_port_range: { start: 0, end: 65_536 } }),
  ip: to({ destination_ip: range('127.0.0.0', 8) }),
  ip_host: to({ destination_ip: range('127.0.0.1', 32) }),
  ip_ten: to({ destination_ip: range('10.0.0.0', 8) }),
  ip_all: to({ destination_ip: { address_prefix: '0.0.0.0' } }),
  ip_six: to({ destination_ip: range('2001:db8::', 32) }),
  ip_six_all: to({ destination_ip: range('::', 0) }),
  ...sources('127.0.0.0', 8, 'loop'),
  ...sources('10.1.0.0', 16, 'ten'),
  ...sources('0.0.0.0', 0, 'four'),
  ...sources('2001:db8::', 32, 'six'),
  ...sources('::', 0, 'six_all'),
  ...sources('::ffff:10.1.0.0', 112, 'mapped'),
  and: by({ and_ids: { ids: [{ any: true }, { source_ip: range('127.0.0.0', 8) }] } }),
  and_not: by({ and_ids: { ids: [{ any: true }, { not_id: { any: true } }] } }),
  or: by({ or_ids: { ids: [{ not_id: { any: true } }, { remote_ip: range('10.1.2.3', 32) }] } }),
  not: by({ not_id: { remote_ip: range('10.1.2.3', 32) } }),
  two: by({ remote_ip: range('10.1.2.3', 32) }, { direct_remote_ip: range('127.0.0.1', 32) }),
  rules_and: to({ and_rules: { rules: [{ any: true }, { destination_port: main }] } }),
  rules_or: to({ or_rules: { rules: [{ destination_port: other }, { destination_port: 80 }] } }),
  rules_not: to({ not_rule: { destination_port: main } }),
  path: to({ url_path: { path: { prefix: '/' } } }),
  path_not: to({ not_rule: { url_path: { path: { prefix: '/' } } } }),
  who: by({ authenticated: {} }),
  who_not: by({ not_id: { authenticated: {} } }),
  vpc: to({ metadata: vpc({ string_match: { exact: 'blue' } }) }),
  vpc_there: to({ metadata: vpc({ present_match: true }) }),
  vpc_not: to({ metadata: { ...vpc({ string_match: { exact: 'blue' } }), invert: true } }),
  name_empty: to({ requested_server_name: { exact: '' } }),
  name_any: to({ requested_server_name: { safe_regex: { regex: '.*' } } }),
});
const v2 = (value: string): string => {
  const body = `\x0a\x01\x02\x03\x0a\x04\x05\x06\x1f\x90\x00\x50\xea\0${String.fromCharCode(value.length)}${value}`;
  return `\r\n\r\n\0\r\nQUIT\n\x21\x11\0${String.fromCharCode(body.length)}${body}`;
};
const told = (what: string, header: string): CompareCase => says(what, [header, ...talk]);
const headers = [
  told('told of 10.1.2.3', 'PROXY TCP4 10.1.2.3 10.4.5.6 8080 80\r\n'),
  told('told of the loopback', 'PROXY TCP4 127.0.0.1 127.0.0.1 8080 81\r\n'),
  told('told of IPv6', 'PROXY TCP6 2001:db8::1 2001:db8::2 8080 80\r\n'),
  told('told of IPv4 in IPv6', 'PROXY TCP6 ::ffff:10.1.2.3 ::ffff:10.4.5.6 8080 80\r\n'),
  told('told of nobody', 'PROXY UNKNOWN\r\n'),
  told('told of blue', v2('blue')),
  told('told of green', v2('green')),
];

const named = (rule: object): object => to({ requested_server_name: rule });
const names = (): Policies => ({
  exact: named({ exact: 'a.test' }),
  exact_upper: named({ exact: 'A.Test' }),
  exact_any_case: named({ exact: 'A.TEST', ignore_case: true }),
  prefix: named({ prefix: 'a.' }),
  suffix: named({ suffix: '.test' }),
  suffix_upper: named({ suffix: '.TEST' }),
  contains: named({ contains: '.te' }),
  regex: named({ safe_regex: { regex: '[a-z]\\.test' } }),
  regex_part: named({ safe_regex: { regex: 'test' } }),
  empty: named({ exact: '' }),
  not: to({ not_rule: { requested_server_name: { exact: 'a.test' } } }),
});
/** The listener ends TLS without an inspector. */
const toldByTls = Object.fromEntries(
  ['log.1.sni', 'log.1.rbac', 'stat.gate.rbac.exact_'].map((of) => [
    of,
    'the name that TLS has been told is known without an inspector',
  ]),
);
const is = (rule: object): object => by({ authenticated: { principal_name: rule } });
const people = (): Policies => ({
  anyone: by({ authenticated: {} }),
  nobody: by({ not_id: { authenticated: {} } }),
  uri: is({ exact: 'spiffe://cluster.local/ns/default/sa/client' }),
  uri_prefix: is({ prefix: 'spiffe://cluster.local/' }),
  uri_second: is({ exact: 'spiffe://cluster.local/ns/default/sa/deeper' }),
  uri_regex: is({ safe_regex: { regex: '.*/sa/client' } }),
  dns: is({ exact: 'client.test' }),
  dns_suffix: is({ suffix: '.test' }),
  dns_second: is({ exact: 'deeper.test' }),
  subject: is({ contains: 'CN=' }),
  some: is({ safe_regex: { regex: '.+' } }),
  all: is({ safe_regex: { regex: '.*' } }),
  empty: is({ exact: '' }),
  not: by({
    not_id: { authenticated: { principal_name: { exact: 'spiffe://cluster.local/ns/default/sa/client' } } },
  }),
});
const { client, deep, nameless, stranger, dnsOnly } = certificates;
const as = ({ cert, key }: { cert: string; key: string }, servername = 'a.test') => ({
  servername,
  cert,
  key,
});
const everyone = [
  saysTls('nobody', { servername: 'a.test' }),
  saysTls('nobody, without a name', {}),
  saysTls('a client', as(client)),
  saysTls('a client, TLS 1.2', { ...as(client), maxVersion: 'TLSv1.2' }),
  saysTls('a client of two names', as(deep)),
  saysTls('a client of a DNS name', as(dnsOnly)),
  saysTls('a client without names', as(nameless)),
  saysTls('a stranger', as(stranger)),
  saysTls('upper case', as(client, 'A.Test')),
  saysTls('another name', as(client, 'b.a.test')),
];
const asked = { listener: { listener_filters: [inspector] } };
const accepting = mutualTls(
  {},
  {
    validation_context: {
      trusted_ca: { inline_string: certificates.root },
      trust_chain_verification: 'ACCEPT_UNTRUSTED',
    },
  },
);

const mine = { mine: by({ source_ip: range('127.0.0.1', 32) }) };
const theirs = { theirs: by({ source_ip: range('10.0.0.0', 8) }) };
const both = { b: by({ any: true }), a: by({ any: true }) };
const talks = says('talks', talk);
const plain = [
  talks,
  says('two pieces', ['h', { waitMs: 50 }, 'i', { until: 'welcome' }, 'more', { waitMs: 50 }]),
  says('ends', ['hi', { end: true }]),
  says('much', ['hi', 'x'.repeat(300_000)], { quietMs: 400 }),
  says('nothing', []),
  says('nothing, and the client ends', [{ end: true }]),
  says('the server speaks first', [{ waitMs: 100 }, 'hi', { waitMs: 50 }], {
    up: [{ on: 'connect', send: ['banner'] }],
  }),
  says('the server ends first', [{ waitMs: 100 }, 'hi', { waitMs: 50 }], {
    up: [{ on: 'connect', send: ['banner', { end: true }] }],
  }),
];
const once = [talks];
const hint = (prefix = ''): object => ({
  permissions: [
    {
      metadata: {
        filter: 'envoy.filters.network.rbac',
        path: [{ key: `${prefix}shadow_engine_result` }],
        value: { string_match: { exact: 'denied' } },
      },
    },
  ],
  principals: anyone,
});

const told10 = 'PROXY TCP4 10.1.2.3 10.4.5.6 8080 80\r\n';
const request = (what: string, header: string, ...lines: readonly string[]): CompareCase => ({
  what,
  clients: [{ send: [`${header}${get('/', ...lines)}`] }],
});
/** Of requests, whose clients are told by headers besides. */
const requests: Setup = {
  name: 'rbac-requests',
  bootstrap: httpBootstrap({
    manager: {
      use_remote_address: true,
      xff_num_trusted_hops: 1,
      internal_address_config: { cidr_ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] },
      access_log: [accessLog({ rbac: '%DYNAMIC_METADATA(envoy.filters.http.rbac)%' })],
    },
    filters: Object.entries({
      ...sources('127.0.0.0', 8, 'loop'),
      ...sources('10.1.0.0', 16, 'ten'),
      ...sources('203.0.113.7', 32, 'told'),
    }).map(([key, policy]) => ({
      name: key,
      typed_config: {
        '@type': typeOf('filters.http.rbac.v3.RBAC'),
        shadow_rules: { policies: { [key]: policy } },
        shadow_rules_stat_prefix: `${key}_`,
      },
    })),
    listener: { listener_filters: [proxyProtocol] },
  }),
  cases: [
    request('PROXY and x-forwarded-for', told10, 'x-forwarded-for: 203.0.113.7'),
    request('PROXY alone', told10),
    request('x-forwarded-for alone', 'PROXY UNKNOWN\r\n', 'x-forwarded-for: 203.0.113.7'),
  ],
};

/** Rules by which connections are served. */
export const rbac: readonly Setup[] = [
  each('places', places, [says('plain', talk)]),
  each('places told', places, headers, { listener: { listener_filters: [proxyProtocol] } }),
  each('names', names, everyone, { ...asked, chain: mutualTls() }),
  each(
    'names, uninspected',
    () => ({ exact: named({ exact: 'a.test' }) }),
    [saysTls('the name', { servername: 'a.test' }, { differs: toldByTls })],
    { chain: mutualTls() },
  ),
  each('people', people, everyone, { ...asked, chain: mutualTls() }),
  each('people, needed', people, everyone, {
    ...asked,
    chain: mutualTls({ require_client_certificate: true }),
  }),
  each('people, untrusted', people, everyone, { ...asked, chain: accepting }),
  requests,
  enforced('none', {}, once),
  enforced('allow nobody', { rules: {} }, plain),
  enforced('deny nobody', { rules: { action: 'DENY' } }, once),
  enforced('log nobody', { rules: { action: 'LOG' } }, once),
  enforced('allow', { rules: { policies: mine } }, plain),
  enforced('allow others', { rules: { policies: theirs } }, plain),
  enforced('deny', { rules: { action: 'DENY', policies: mine } }, plain),
  enforced('deny others', { rules: { action: 'DENY', policies: theirs } }, once),
  enforced('log', { rules: { action: 'LOG', policies: mine } }, once),
  enforced('log others', { rules: { action: 'LOG', policies: theirs } }, once),
  enforced('deny by two', { rules: { action: 'DENY', policies: both } }, once),
  enforced('continuous', { rules: { action: 'DENY', policies: mine }, enforcement_type: 'CONTINUOUS' }, once),
  enforced(
    'continuous, allowed',
    { rules: { policies: mine }, shadow_rules: { policies: theirs }, enforcement_type: 'CONTINUOUS' },
    plain,
  ),
  enforced('shadow', { shadow_rules: { policies: theirs } }, plain),
  enforced('shadow nobody', { shadow_rules: {}, shadow_rules_stat_prefix: 'p.' }, once),
  enforced('shadow deny', { shadow_rules: { action: 'DENY', policies: mine } }, once),
  enforced('shadow log', { shadow_rules: { action: 'LOG', policies: mine } }, once),
  enforced('both', { rules: { policies: theirs }, shadow_rules: { policies: mine } }, once),
  enforced('by the shadow', { rules: { action: 'DENY', policies: { hint: hint() } } }, once, {}, [
    filter({ shadow_rules: { policies: theirs } }),
  ]),
  enforced(
    'by a shadow of a prefix',
    { rules: { action: 'DENY', policies: { hint: hint('p_') } } },
    once,
    {},
    [filter({ shadow_rules: { policies: theirs }, shadow_rules_stat_prefix: 'p_' })],
  ),
  enforced(
    'by its own shadow',
    {
      rules: { action: 'DENY', policies: { hint: hint() } },
      shadow_rules: { policies: theirs },
    },
    once,
  ),
  enforced(
    'deny with TLS',
    { rules: { action: 'DENY', policies: { in: by({ authenticated: {} }) } } },
    everyone.slice(0, 3),
    { ...asked, chain: mutualTls() },
  ),
  enforced('a dotted prefix', { stat_prefix: 'gate.one.', rules: { policies: mine } }, once),
];
