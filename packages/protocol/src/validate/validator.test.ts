import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem } from '@lateen/core';
import { allTypes } from '@lateen/protocol/all-types';
import { Bootstrap } from '@lateen/protocol/envoy/config/bootstrap/v3';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { HeaderValueOption } from '@lateen/protocol/envoy/config/core/v3';
import { FilterChain } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { HttpConnectionManager } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import { packAny, typeRegistry } from '../codec/any.ts';
import { RandomMessages } from '../codec/random-messages.ts';
import type { MessageType } from '../codec/message-type.ts';
import { messageValidator } from './index.ts';

function problemsOf<T>(type: MessageType<T>, message: T): string[] {
  return messageValidator.validate(type, message).map(formatProblem);
}

test('a good message has no problems', () => {
  assert.deepEqual(
    problemsOf(Cluster, {
      name: 'outbound|80||a',
      type: 'EDS',
      connectTimeout: 10_000,
      edsClusterConfig: { edsConfig: { ads: {} } },
      circuitBreakers: { thresholds: [{ maxConnections: 0 }] },
    }),
    [],
  );
});

test('every broken constraint is named with its path', () => {
  assert.deepEqual(
    problemsOf(Cluster, {
      connectTimeout: 0,
      lbPolicy: 77,
      loadAssignment: { endpoints: [{ priority: 129, lbEndpoints: [{ loadBalancingWeight: 0 }] }] },
    }),
    [
      'name: must not be empty',
      'connectTimeout: must be greater than 0s',
      'lbPolicy: 77 is not a known value',
      'loadAssignment.clusterName: must not be empty',
      'loadAssignment.endpoints[0].lbEndpoints[0].loadBalancingWeight: must be at least 1',
      'loadAssignment.endpoints[0].priority: must be at most 128',
    ],
  );
});

test('no duration is negative, whether its field has a rule or not', () => {
  assert.deepEqual(
    problemsOf(RouteConfiguration, {
      virtualHosts: [
        {
          name: 'v',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'c', timeout: -1 } }],
        },
      ],
    }),
    ['virtualHosts[0].routes[0].route.timeout: must not be negative'],
  );
});

test('a missing message, a missing oneof and a missing entry are named', () => {
  assert.deepEqual(
    problemsOf(RouteConfiguration, {
      virtualHosts: [{ name: 'v', routes: [{ redirect: {} }, { match: {}, route: {} }] }],
    }),
    [
      'virtualHosts[0].domains: needs at least one entry',
      'virtualHosts[0].routes[0].match: is required',
      'virtualHosts[0].routes[1].match: needs one of ' +
        'prefix, path, safe_regex, connect_matcher, path_separated_prefix, path_match_policy',
      'virtualHosts[0].routes[1].route: needs one of ' +
        'cluster, cluster_header, weighted_clusters, cluster_specifier_plugin, inline_cluster_specifier_plugin',
    ],
  );
  assert.deepEqual(problemsOf(HttpConnectionManager, { statPrefix: 's' }), [
    'needs one of rds, route_config, scoped_routes',
  ]);
});

test('a header that would break its line is refused', () => {
  assert.deepEqual(problemsOf(HeaderValueOption, { header: { key: 'a\nb', value: 'x\r\ny: z' } }), [
    'header.key: must not contain NUL, CR or LF',
    'header.value: must not contain NUL, CR or LF',
  ]);
});

test('what is inside an Any is looked at where its type is known', () => {
  const filters = [{ name: 'hcm', typedConfig: packAny(HttpConnectionManager, { rds: {} }) }];
  const chain = { filters };
  assert.deepEqual(problemsOf(FilterChain, chain), []);
  const registry = typeRegistry([HttpConnectionManager]);
  assert.deepEqual(messageValidator.validate(FilterChain, chain, registry).map(formatProblem), [
    'filters[0].typedConfig.statPrefix: must not be empty',
    'filters[0].typedConfig.rds.configSource: is required',
  ]);
});

test('an optional value is only looked at where it is given', () => {
  assert.deepEqual(problemsOf(Bootstrap, { admin: {}, hdsConfig: {} }), []);
});

test('every constraint that was generated can be checked on any message', () => {
  const random = new RandomMessages(
    7,
    allTypes.filter((type) => type.special === undefined),
  );
  let found = 0;
  for (const type of allTypes) found += messageValidator.validate(type, random.message(type)).length;
  assert.ok(found > 100);
});
