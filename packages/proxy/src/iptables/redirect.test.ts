import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const probe = fileURLToPath(new URL('probe-program.ts', import.meta.url));
const node = process.execPath;

/** Runs a shell script in a new network namespace that has an address and a way out. */
function inNamespace(script: string): string {
  const setUp = `set -e
    ip link set lo up
    ip link add pod type veth peer name peer
    ip addr add 10.99.0.2/24 dev pod; ip link set pod up; ip link set peer up
    ip route add default via 10.99.0.1
    # What is not redirected fails at once instead of waiting for a neighbour that is not there.
    iptables -A OUTPUT -o pod ! -d 127.0.0.0/8 -j REJECT
    istio_iptables() { "${node}" "${main}" istio-iptables "$@"; }
    probe() { "${node}" "${probe}" "$@"; echo; }
    ${script}`;
  const run = spawnSync('unshare', ['--net', 'bash', '-c', setUp], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(run.status, 0, run.stderr + run.stdout);
  return run.stdout;
}

const root = process.getuid?.() === 0;
const withRoot = root ? {} : { skip: 'needs root: network namespaces with several users' };

test(
  'outbound connections reach the proxy, its own pass, and calls to the own address come in again',
  withRoot,
  () => {
    const lines = inNamespace(`
    istio_iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i '*' -x "" -b '*' -d 15090,15021,15020
    probe 1000 203.0.113.1:80 10.99.0.2:8080 127.0.0.1:8080
    probe 1337 10.99.0.2:8080 127.0.0.1:8080 10.99.0.2:8080:127.0.0.6`)
      .trim()
      .split('\n');
    assert.deepEqual(JSON.parse(lines[0] ?? ''), {
      '203.0.113.1:80': 'outbound',
      // An application that calls its own pod address directly stays on the loopback.
      '10.99.0.2:8080': 'application',
      '127.0.0.1:8080': 'application',
    });
    assert.deepEqual(JSON.parse(lines[1] ?? ''), {
      '10.99.0.2:8080': 'inbound',
      '127.0.0.1:8080': 'application',
      '10.99.0.2:8080:127.0.0.6': 'application',
    });
  },
);

test('only the chosen ranges and ports are sent to the proxy', withRoot, () => {
  const lines = inNamespace(`
    istio_iptables -u 1337 -b 80 -i 198.51.100.0/24 -x 198.51.100.9/32 -q 3306 -o 25
    probe 1000 198.51.100.1:80 198.51.100.1:25 127.0.0.1:8080 192.0.2.1:3306`)
    .trim()
    .split('\n');
  const reached = JSON.parse(lines[0] ?? '') as Record<string, string>;
  assert.equal(reached['198.51.100.1:80'], 'outbound');
  assert.notEqual(reached['198.51.100.1:25'], 'outbound');
  assert.equal(reached['127.0.0.1:8080'], 'application');
  assert.equal(reached['192.0.2.1:3306'], 'outbound');
});

test(
  'applying twice leaves one copy, another mode replaces it, and cleaning up leaves nothing',
  withRoot,
  () => {
    const out = inNamespace(`
    show() { iptables-save | grep -v -e '^[#:]' -e REJECT | sort; echo ==; }
    istio_iptables -u 1337 -b '*' -i '*'; show
    istio_iptables -u 1337 -b '*' -i '*'; show
    istio_iptables -u 1337 -b '*' -i '*' -m TPROXY -c eth9 -k vnet0; show
    istio_iptables -u 1337 -b '*' -i '*'; show
    istio_iptables --cleanup-only; show`);
    const [first, second, tproxy, again, cleaned] = out.split('==\n');
    assert.match(first ?? '', /ISTIO_IN_REDIRECT/);
    assert.equal(second, first);
    assert.match(tproxy ?? '', /-j TPROXY --on-port 15006/);
    const withoutEmpty = (text: string | undefined) => (text ?? '').replace(/^(COMMIT|\*\w+)\n/gm, '');
    assert.equal(withoutEmpty(again), withoutEmpty(first));
    assert.equal(withoutEmpty(cleaned), '');
  },
);

test('datagrams pass untouched where connections are redirected, in both modes', withRoot, () => {
  const echo = `
    const { createSocket } = require('node:dgram');
    process.setuid(1000);
    const server = createSocket('udp4', (text, from) => server.send(text + ' from ' + from.address, from.port, from.address));
    server.bind(9053, '198.51.100.1', () => {
      const client = createSocket('udp4', (text, from) => {
        process.stdout.write(text + ' by ' + from.address + ':' + from.port);
        process.exit();
      });
      client.send('hello', 9053, '198.51.100.1');
    });`;
  for (const mode of ['REDIRECT', 'TPROXY']) {
    const out = inNamespace(`
      ip addr add 198.51.100.1/32 dev pod
      istio_iptables -u 1337 -b '*' -i '*' -m ${mode}
      "${node}" -e "${echo}"; echo
      probe 1000 198.51.100.2:80`);
    const [udp, tcp] = out.trim().split('\n');
    assert.match(udp ?? '', /^hello from [\d.]+ by 198\.51\.100\.1:9053$/, mode);
    assert.equal((JSON.parse(tcp ?? '') as Record<string, string>)['198.51.100.2:80'], 'outbound', mode);
  }
});
