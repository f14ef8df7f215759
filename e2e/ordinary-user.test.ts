// The same as an ordinary user: no root on the host, the mesh's own user id all the same.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { newCluster, root, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

const userId = 4242;
const isRoot = process.getuid?.() === 0;

let cluster: TestCluster;
let asUser: (script: string) => string;
before(async () => {
  cluster = await newCluster();
  asUser = isRoot ? becomeUser(cluster.dataDir) : (script) => script;
});
after(() => cluster.remove());

/** Makes a user that exists only for a script, in a mount namespace with an /etc of its own. */
function becomeUser(dataDir: string): (script: string) => string {
  const upper = join(dataDir, 'etc');
  const work = join(dataDir, 'etc-work');
  mkdirSync(upper);
  mkdirSync(work);
  const name = 'lateen-e2e';
  const add = (list: string, line: string): void => {
    writeFileSync(join(upper, list), `${readFileSync(join('/etc', list), 'utf8')}${line}\n`);
  };
  add('passwd', `${name}:x:${userId}:${userId}::${dataDir}:/bin/sh`);
  add('group', `${name}:x:${userId}:`);
  for (const list of ['subuid', 'subgid']) writeFileSync(join(upper, list), `${name}:700000:65536\n`);
  chmodSync(dataDir, 0o755);
  chownSync(dataDir, userId, userId);
  const ownEtc = `mount -t overlay overlay -o lowerdir=/etc,upperdir=${upper},workdir=${work} /etc`;
  const become = `setpriv --reuid=${userId} --regid=${userId} --clear-groups`;
  return (script) => `unshare --mount sh -ec '${ownEtc}; exec ${become} bash -c "$0"' ${quoted(script)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

test('an ordinary user starts a mesh whose sidecars redirect traffic', async (t) => {
  if (!existsSync('/usr/bin/newuidmap')) {
    process.stderr.write('e2e: THERE IS NO newuidmap: what an ordinary user can do is not tested\n');
    t.skip('no newuidmap: apt-get install uidmap');
    return;
  }
  const readable = await cluster.trySh(asUser(`test -r ${root}/dist/lateen.mjs`));
  if (readable.code !== 0) {
    process.stderr.write(`e2e: OTHERS CANNOT READ ${root}: what an ordinary user can do is not tested\n`);
    t.skip('the checkout is not readable by other users');
    return;
  }
  await cluster.sh(asUser('test "$(id -u)" != 0 && lateen up --detach'));
  assert.notEqual(
    await cluster.sh(`stat -c %u /proc/$(cat ${cluster.dataDir}/lock)`),
    '0',
    'the process on the host must not be root',
  );
  await cluster.sh('kubectl label namespace default istio-injection=enabled');
  await cluster.sh('kubectl apply -f samples/helloworld/helloworld.yaml -f samples/sleep/sleep.yaml');
  await cluster.sh('kubectl wait --for=condition=Ready pod --all --timeout=30s');
  for (const line of (await cluster.sh('kubectl get pods --no-headers')).split('\n'))
    assert.match(line, /2\/2\s+Running/);
  await eventually(async () => {
    const answer = await cluster.sh(
      'kubectl exec deploy/sleep -c sleep -- curl -si http://helloworld:5000/hello',
    );
    assert.match(answer, /^HTTP\/1.1 200 OK/);
    assert.match(answer, /server: envoy|server: istio-envoy/);
  });
  assert.equal(await cluster.sh('kubectl exec deploy/sleep -c istio-proxy -- id -u'), '1337');
});

test('its gateway answers at the port that the status names', async () => {
  await cluster.sh('kubectl apply -f samples/helloworld/helloworld-gateway.yaml');
  const url = await cluster.sh(
    `lateen status -o json | node -pe 'const { ingress } = JSON.parse(require("fs").readFileSync(0)); ingress.address + ":" + ingress.port'`,
  );
  await eventually(async () =>
    assert.match(await cluster.sh(`curl -s --fail http://${url}/hello`), /Hello version/),
  );
});

test('down leaves no process of the user', async () => {
  await cluster.sh(asUser('lateen down'));
  if (!isRoot) return;
  const { stdout } = await cluster.trySh(`ps -o pid= -U ${userId}`);
  assert.equal(stdout.trim(), '');
});
