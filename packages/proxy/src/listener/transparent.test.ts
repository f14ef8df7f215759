import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/**
 * A network namespace in which packets to 198.51.100.1 go to the proxy by TPROXY, and answers of the endpoint to
 * 192.0.2.7 come back to this host.
 */
const script = `set -e
  ip link set lo up
  ip rule add fwmark 1 lookup 100; ip route add local 0.0.0.0/0 dev lo table 100
  ip addr add 10.99.0.1/32 dev lo; ip route add 198.51.100.0/24 dev lo src 10.99.0.1; ip route add 192.0.2.0/24 dev lo
  iptables -t mangle -A OUTPUT -p tcp -d 198.51.100.1 -j MARK --set-mark 1
  iptables -t mangle -A OUTPUT -p tcp --sport 15999 -j MARK --set-mark 1
  iptables -t mangle -A PREROUTING -p tcp -d 198.51.100.1 -j TPROXY --on-port 15006 --on-ip 127.0.0.1 --tproxy-mark 1
  exec "$0" "$1" 15006 15999`;

const tools = ['iptables', 'ip', 'unshare'].filter(
  (tool) => spawnSync(tool, ['--version']).error !== undefined,
);
const reason =
  process.getuid?.() !== 0
    ? 'needs root: IP_TRANSPARENT in a network namespace'
    : tools.length > 0
      ? `needs ${tools.join(', ')}`
      : undefined;

/** What a program of `testing/` prints in that namespace. */
function runInside(program: string): Record<string, unknown> {
  const path = fileURLToPath(new URL(`testing/${program}`, import.meta.url));
  const run = spawnSync('unshare', ['--net', 'bash', '-c', script, process.execPath, path], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.equal(run.status, 0, run.stderr + run.stdout);
  return JSON.parse(run.stdout) as Record<string, unknown>;
}

const options = reason === undefined ? {} : { skip: reason };

test(
  'with TPROXY a listener knows what was wanted, and endpoints see the address of the client',
  options,
  () => {
    const seen = runInside('transparent-program.ts');
    assert.deepEqual(seen['refused'], []);
    assert.equal(seen['tproxy'], 'wanted 198.51.100.1:80');
    // A version that is not transparent, and one that is again, on the socket that is there.
    assert.deepEqual(seen['kept'], ['nobody', 'wanted 198.51.100.1:80']);
    assert.match(String(seen['source']), /^192\.0\.2\.7:\d+$/);
    assert.notEqual(seen['source'], '192.0.2.7:40007');
    assert.equal(seen['sourceAndPort'], '192.0.2.7:40007');
  },
);

test(
  'requests come from their client: connections are kept for it, and others do not get them',
  options,
  () => {
    const seen = runInside('source-over-http-program.ts');
    assert.deepEqual(seen['refused'], []);
    const addresses = (kind: string): string[] => {
      const list = seen[kind] as string[];
      // The third request is the first one's client again.
      assert.equal(list[2], list[0], kind);
      return list.map((one) => one.slice(0, one.lastIndexOf(':')));
    };
    const clients = ['192.0.2.7', '192.0.2.8', '192.0.2.7'];
    assert.deepEqual(addresses('connection'), clients);
    assert.deepEqual(addresses('http2'), clients);
    assert.deepEqual(addresses('request'), ['192.0.2.9', '192.0.2.10', '192.0.2.9', '127.0.0.1']);
  },
);
