// Up, down, kill -9, two at once, as an ordinary user: nothing is lost, nothing is left.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { newCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { shell } from './harness/shell.ts';

const clusters: TestCluster[] = [];
async function fresh(): Promise<TestCluster> {
  const cluster = await newCluster();
  clusters.push(cluster);
  return cluster;
}
after(async () => {
  for (const cluster of clusters) await cluster.remove();
});

/** Command lines of all processes that name the data directory. */
function processesOf(dataDir: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(dataDir));
}

/** What a cluster could leave on the host. */
async function traces(dataDir: string): Promise<string> {
  const machine = await shell(`
    ip -o link | cut -d: -f2 | sort
    ip netns list
    ip route
    (iptables-save || true) 2>/dev/null | (grep -v '^[#:]' || true)
    cat /proc/mounts /etc/resolv.conf`);
  return `${machine}\n${processesOf(dataDir).join('\n')}`;
}

test('a stopped cluster leaves nothing, and the next start finds what was applied', async () => {
  const cluster = await fresh();
  const before = await traces(cluster.dataDir);
  await cluster.up('--cluster-only');
  assert.match(await cluster.sh('lateen status'), /running/i);
  await cluster.sh('kubectl create configmap kept --from-literal=a=b');
  await cluster.down();
  assert.equal(await traces(cluster.dataDir), before);
  await cluster.up('--cluster-only');
  assert.equal(await cluster.sh("kubectl get configmap kept -o jsonpath='{.data.a}'"), 'b');
  await cluster.down();
});

test('what istioctl installed is there again at the next start', async () => {
  const cluster = await fresh();
  await cluster.up('');
  await cluster.sh('istioctl install -y --set profile=demo --set meshConfig.accessLogEncoding=JSON');
  await cluster.down();
  await cluster.up('');
  const mesh = await cluster.sh("kubectl -n istio-system get configmap istio -o jsonpath='{.data.mesh}'");
  assert.match(mesh, /accessLogEncoding: JSON/);
  assert.match(mesh, /accessLogFile: \/dev\/stdout/);
  assert.match(await cluster.sh('kubectl -n istio-system get deployments -o name'), /istio-egressgateway/);
  await cluster.down();
});

test('kill -9 in the middle of writes loses no acknowledged write and leaves no process', async () => {
  const cluster = await fresh();
  const before = await traces(cluster.dataDir);
  await cluster.up('--cluster-only');
  const writer = cluster.trySh(
    'for i in $(seq 1000); do kubectl create configmap "w$i" --from-literal=i=$i -o name || exit 0; done',
  );
  await eventually(async () => {
    assert.notEqual((await cluster.sh('kubectl get configmaps -o name | grep -c /w || true')).trim(), '0');
  });
  await cluster.sh(`kill -9 $(cat ${cluster.dataDir}/lock)`);
  const acknowledged = (await writer).stdout.split('\n').filter((line) => line.startsWith('configmap/w'));
  await eventually(async () => assert.equal(await traces(cluster.dataDir), before));
  await cluster.up('--cluster-only');
  const found = new Set((await cluster.sh('kubectl get configmaps -o name')).split('\n'));
  assert.ok(acknowledged.length > 0);
  for (const name of acknowledged) assert.ok(found.has(name), `${name} was acknowledged and is gone`);
  await cluster.down();
});

test('two clusters run side by side', async () => {
  const [first, second] = [await fresh(), await fresh()];
  await first.up('--cluster-only');
  await second.up('--cluster-only');
  await first.sh('kubectl create configmap mine');
  assert.equal(await second.sh('kubectl get configmap mine --ignore-not-found'), '');
  await first.down();
  assert.match(await second.sh('kubectl get nodes --no-headers'), /lateen\s+Ready/);
  await second.down();
});

test('a second start from the same data directory says who runs there', async () => {
  const cluster = await fresh();
  await cluster.up('--cluster-only');
  const { code, stderr } = await cluster.trySh('lateen up --cluster-only');
  assert.equal(code, 1);
  assert.match(stderr, /already runs/);
  await cluster.down();
});
