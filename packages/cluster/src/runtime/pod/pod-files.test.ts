import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec } from '@lateen/kube';
import { podFiles } from './pod-files.ts';

function filesOf(spec: Partial<PodSpec>): Record<string, string> {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web-0', namespace: 'shop' },
    spec: { containers: [], ...spec },
  };
  return podFiles({
    pod,
    podIP: '10.244.0.9',
    dnsAddress: '10.96.0.10',
    clusterDomain: 'cluster.local',
    hostResolvConf: 'nameserver 192.0.2.1\n',
  });
}

test('names are looked up in the pod\u2019s namespace first, unless its DNS policy says otherwise', () => {
  assert.equal(
    filesOf({})['/etc/resolv.conf'],
    'search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
  );
  assert.equal(filesOf({ dnsPolicy: 'Default' })['/etc/resolv.conf'], 'nameserver 192.0.2.1\n');
  const dnsConfig = {
    nameservers: ['192.0.2.53'],
    searches: ['example.com'],
    options: [{ name: 'ndots', value: '1' }, { name: 'edns0' }],
  };
  assert.equal(
    filesOf({ dnsPolicy: 'None', dnsConfig })['/etc/resolv.conf'],
    'search example.com\nnameserver 192.0.2.53\noptions ndots:1 edns0\n',
  );
  assert.match(filesOf({ dnsConfig })['/etc/resolv.conf'] ?? '', /^options ndots:1 edns0$/m);
});

test('the hosts file knows the pod by its full name, and its aliases', () => {
  const files = filesOf({
    hostname: 'web',
    subdomain: 'peers',
    hostAliases: [{ ip: '10.0.0.1', hostnames: ['a', 'b'] }],
  });
  assert.match(files['/etc/hosts'] ?? '', /^10\.244\.0\.9\tweb\.peers\.shop\.svc\.cluster\.local\tweb$/m);
  assert.match(files['/etc/hosts'] ?? '', /^10\.0\.0\.1\ta\tb$/m);
  assert.equal(files['/etc/hostname'], 'web\n');
});
