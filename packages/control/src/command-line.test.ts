import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LateenError } from '@lateen/core';
import { parseCommandLine, type DiscoveryOptions } from './command-line.ts';

function options(...args: readonly string[]): DiscoveryOptions {
  const parsed = parseCommandLine(['discovery', ...args]);
  assert.ok(parsed.command === 'discovery');
  return parsed.options;
}

test('the arguments of Istio’s own Deployment are understood', () => {
  const parsed = options(
    '--monitoringAddr=:15014',
    '--log_output_level=default:info',
    '--domain',
    'cluster.local',
    '--keepaliveMaxServerConnectionAge',
    '30m',
  );
  assert.deepEqual(parsed.ports, {
    xds: 15010,
    secureXds: 15012,
    monitoring: 15014,
    webhooks: 15017,
    health: 8080,
  });
  assert.equal(parsed.maxConnectionAgeMs, 1_800_000);
  assert.equal(parsed.logLevel, 'info');
});

test('options of Istio that mean nothing here are passed over with their values', () => {
  const parsed = options(
    '--clusterID',
    'Kubernetes',
    '--log_as_json',
    '--resync=60s',
    '--domain',
    'example.org',
  );
  assert.equal(parsed.domain, 'example.org');
});

test('addresses may name a host, also of IPv6', () => {
  assert.equal(options('--grpcAddr', '127.0.0.1:0').host, '127.0.0.1');
  assert.equal(options('--grpcAddr', '[::1]:15010').host, '::1');
});

test('log levels are those of the default scope', () => {
  assert.equal(options('--log_output_level', 'ads:debug,default:warn').logLevel, 'warn');
  assert.equal(options('--log_output_level', 'none').logLevel, 'off');
});

for (const [args, message] of [
  [['serve'], /there is no command "serve"/],
  [['discovery', '--grpcAddr', 'nine'], /--grpcAddr must be \[HOST\]:PORT, not "nine"/],
  [['discovery', '--httpAddr', ':70000'], /--httpAddr must be \[HOST\]:PORT/],
  [['discovery', '--keepaliveMaxServerConnectionAge', 'soon'], /must be a duration such as 30m, not "soon"/],
  [['discovery', '--log_output_level', 'loud'], /knows no level "loud"/],
  [['discovery', '--nonsense'], /nonsense/],
] as const) {
  test(`"${args.join(' ')}" is refused with what is wrong`, () => {
    assert.throws(
      () => parseCommandLine(args),
      (error: unknown) => error instanceof LateenError && message.test(error.message),
    );
  });
}
