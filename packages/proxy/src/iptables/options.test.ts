import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRedirectOptions, type RedirectOptions } from './options.ts';

function parse(args: string, env: Record<string, string> = {}): RedirectOptions {
  const words = args === '' ? [] : args.split(' ').map((word) => (word === "''" ? '' : word));
  const result = parseRedirectOptions(words, env, () => undefined);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

test("the injected init container's arguments mean what they mean in Istio", () => {
  const options = parse("-p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x '' -b * -d 15090,15021,15020");
  assert.equal(options.outboundPort, 15_001);
  assert.equal(options.inboundPort, 15_006);
  assert.deepEqual(options.proxyUids, [1337]);
  assert.deepEqual(options.proxyGids, [1337]);
  assert.equal(options.outboundRanges, '*');
  assert.deepEqual(options.excludedOutboundRanges, []);
  assert.equal(options.inboundPorts, '*');
  assert.deepEqual(options.excludedInboundPorts, [15_090, 15_021, 15_020]);
});

test('the arguments of the first releases are taken too, with their trailing commas', () => {
  const options = parse("-p 15001 -u 1337 -m REDIRECT -i 10.0.0.0/8,192.168.0.0/16 -x '' -b 9080, -d ''");
  assert.deepEqual(options.inboundPorts, [9080]);
  assert.deepEqual(options.outboundRanges, ['10.0.0.0/8', '192.168.0.0/16']);
});

test('what is not given comes from the environment, and the command line wins', () => {
  const env = { ENVOY_PORT: '1', ISTIO_INBOUND_PORTS: '80', ISTIO_INBOUND_INTERCEPTION_MODE: 'TPROXY' };
  const options = parse('-p 2', env);
  assert.equal(options.outboundPort, 2);
  assert.deepEqual(options.inboundPorts, [80]);
  assert.equal(options.mode, 'TPROXY');
});

test('every wrong option is named with what it allows', () => {
  const result = parseRedirectOptions(
    ['-p', '70000', '-m', 'NAT', '-i', '10.0.0.0/40', '-b', 'x', 'word', '-k', 'a b'],
    {},
    () => undefined,
  );
  assert.ok(!result.ok);
  assert.deepEqual(result.problems.map((p) => p.path).sort(), [
    '-b/--istio-inbound-ports',
    '-i/--istio-service-cidr',
    '-k/--kube-virt-interfaces',
    '-m/--istio-inbound-interception-mode',
    '-p/--envoy-port',
    'word',
  ]);
});
