import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service, SliceEndpoint } from '@lateen/kube';
import { serviceRoutes, type ServiceRoute } from './service-table.ts';
import { translationRules } from './translation-rules.ts';

const options = { serviceCidr: '10.96.0.0/16', nodeAddress: '10.244.0.1' };

const route: ServiceRoute = {
  name: 'default/web:http',
  protocol: 'TCP',
  addresses: ['10.96.0.7'],
  port: 80,
  nodePort: 30080,
  affinitySeconds: undefined,
  backends: [
    { ip: '10.244.0.2', port: 8080 },
    { ip: '10.244.0.3', port: 8080 },
    { ip: '10.244.0.4', port: 8080 },
  ],
};

function ruleLines(routes: readonly ServiceRoute[], pattern: RegExp): string[] {
  return translationRules(routes, options)
    .text.split('\n')
    .filter((line) => pattern.test(line));
}

test('each backend gets the same share', () => {
  const shares = ruleLines([route], /DNAT/).map((line) => Number(/--probability (\S+)/.exec(line)?.[1] ?? 1));
  let left = 1;
  for (const share of shares) {
    assert.ok(Math.abs(left * share - 1 / 3) < 1e-9);
    left *= 1 - share;
  }
  assert.ok(left < 1e-9);
});

test('a service is reached by its address, and by its node port at the node alone', () => {
  const lines = ruleLines([route], /--dport/);
  assert.deepEqual(
    lines.map((line) => / -d (\S+) .*--dport (\d+)/.exec(line)?.slice(1)),
    [
      ['10.96.0.7/32', '80'],
      ['10.244.0.1/32', '30080'],
    ],
  );
});

test('a service without backends has no rule of its own, so that it is refused', () => {
  const rules = translationRules([{ ...route, backends: [] }], options);
  assert.equal(rules.chains.size, 0);
  assert.doesNotMatch(rules.text, /10\.96\.0\.7/);
  assert.match(rules.text, /-d 10\.96\.0\.0\/16 -p tcp -j REJECT --reject-with tcp-reset/);
});

test('chains that are no longer needed are emptied and taken away in the same step', () => {
  const before = translationRules([route], options);
  const [chain] = [...before.chains];
  const after = translationRules([], options, before.chains);
  assert.match(after.text, new RegExp(`^:${chain} - `, 'm'));
  assert.match(after.text, new RegExp(`^-X ${chain}$`, 'm'));
  assert.doesNotMatch(after.text, new RegExp(`-j ${chain}`));
});

test('the same port number over TCP and UDP are two routes', () => {
  const rules = translationRules([route, { ...route, protocol: 'UDP' }], options);
  assert.equal(rules.chains.size, 2);
});

function service(spec: Partial<Service['spec']>): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'default', name: 'web' },
    spec: { clusterIP: '10.96.0.7', ports: [{ name: 'http', port: 80 }], ...spec },
  };
}

function slice(endpoints: SliceEndpoint[], portName = 'http'): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-x' },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: portName, port: 8080, protocol: 'TCP' }],
  };
}

const at = (ip: string, ready: boolean, serving = ready, terminating = false): SliceEndpoint => ({
  addresses: [ip],
  conditions: { ready, serving, terminating },
});

function backends(slices: EndpointSlice[], spec: Partial<Service['spec']> = {}): string[] | undefined {
  return serviceRoutes([service(spec)], () => slices)[0]?.backends.map(({ ip, port }) => `${ip}:${port}`);
}

test('traffic goes to ready endpoints of the port, wherever they are listed', () => {
  const slices = [slice([at('10.244.0.3', true), at('10.244.0.4', false)]), slice([at('10.244.0.2', true)])];
  assert.deepEqual(backends(slices), ['10.244.0.2:8080', '10.244.0.3:8080']);
  assert.deepEqual(backends([slice([at('10.244.0.3', true)], 'other')]), []);
});

test('where nobody is ready, those that still serve while they terminate get the traffic', () => {
  const leaving = at('10.244.0.5', false, true, true);
  assert.deepEqual(backends([slice([leaving, at('10.244.0.6', false)])]), ['10.244.0.5:8080']);
  assert.deepEqual(backends([slice([leaving, at('10.244.0.2', true)])]), ['10.244.0.2:8080']);
});

test('headless services and external names have no routes', () => {
  assert.equal(backends([], { clusterIP: 'None' }), undefined);
  assert.equal(backends([], { type: 'ExternalName', externalName: 'example.com' }), undefined);
});
