import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { conditionOf, isPodReady, resources, type ConfigMap, type Pod } from '@lateen/kube';
import { testsInNamespaces } from '../linux/testing/in-namespaces.ts';
import { startNode, type NodeHarness } from './testing/node-harness.ts';

const forever = ['sh', '-c', 'trap "exit 0" TERM; sleep infinity & wait'];

function stateOf(pod: Pod, container = 'main') {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].find(
    (status) => status.name === container,
  );
}

testsInNamespaces(import.meta.url, () => {
  let node: NodeHarness;
  before(async () => {
    node = await startNode();
  });
  after(() => node.close());

  test('a pod runs its init containers first, then shows its own view of the world', async () => {
    await node.run('view', {
      initContainers: [
        {
          name: 'setup',
          image: 'busybox',
          command: ['sh', '-c', 'echo prepared > /work/file'],
          volumeMounts: [{ name: 'work', mountPath: '/work' }],
        },
      ],
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: forever,
          env: [
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'odd.name', value: 'kept' },
          ],
          workingDir: '/made/for/it',
          securityContext: { runAsUser: 1337, runAsGroup: 1337 },
          volumeMounts: [{ name: 'work', mountPath: '/work' }],
        },
      ],
      volumes: [{ name: 'work', emptyDir: {} }],
      hostAliases: [{ ip: '10.9.9.9', hostnames: ['friend'] }],
    });
    const pod = await node.until('view', isPodReady);
    assert.equal(stateOf(pod, 'setup')?.state?.terminated?.reason, 'Completed');
    assert.equal(pod.status?.phase, 'Running');
    const script =
      'id -u; hostname; pwd; cat /work/file; echo $IP; ps ax -o pid= | wc -l; grep friend /etc/hosts; cat /etc/resolv.conf';
    const { out, code } = await node.exec('view', ['sh', '-c', script]);
    assert.equal(code, 0);
    const [uid, hostname, cwd, file, ip, processes, alias, search] = out.split('\n');
    assert.deepEqual(
      [uid, hostname, cwd, file, ip],
      ['1337', 'view', '/made/for/it', 'prepared', pod.status?.podIP],
    );
    assert.ok(Number(processes) < 8, `it sees only its own processes, not ${processes}`);
    assert.match(alias ?? '', /^10\.9\.9\.9\s+friend$/);
    assert.match((await node.exec('view', ['env'])).out, /^odd\.name=kept$/m);
    assert.equal(search, 'search default.svc.cluster.local svc.cluster.local cluster.local');
  });

  test('what a container writes stays in the container', async () => {
    await node.run('writer', {
      containers: [{ name: 'main', image: 'busybox', command: forever }],
    });
    await node.until('writer', isPodReady);
    const path = '/usr/local/bin/lateen-test-wrote-this';
    const wrote = await node.exec('writer', ['sh', '-c', `echo x > ${path} && cat ${path}`]);
    assert.deepEqual([wrote.code, wrote.out], [0, 'x\n']);
    assert.ok(!existsSync(path));
  });

  test('a root may be read-only around volumes, and a part of a volume mounted alone', async () => {
    const volumeMounts = [
      { name: 'data', mountPath: '/data' },
      { name: 'data', mountPath: '/var/part', subPath: 'inner' },
    ];
    await node.run('readonly', {
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: forever,
          securityContext: { readOnlyRootFilesystem: true },
          volumeMounts,
        },
      ],
      volumes: [{ name: 'data', emptyDir: { medium: 'Memory' } }],
    });
    await node.until('readonly', isPodReady);
    const script = 'echo x > /var/part/file; cat /data/inner/file; echo y > /etc/file';
    const { out, err } = await node.exec('readonly', ['sh', '-c', script]);
    assert.equal(out, 'x\n');
    assert.match(err, /Read-only file system/);
  });

  test('exec passes input, both outputs and the exit code, and says what is not there', async () => {
    await node.run('exec', { containers: [{ name: 'main', image: 'busybox', command: forever }] });
    await node.until('exec', isPodReady);
    const result = await node.exec('exec', ['sh', '-c', 'cat; echo no >&2; exit 7'], { input: 'yes' });
    assert.deepEqual(result, { code: 7, out: 'yes', err: 'no\n' });
    const missing = await node.exec('exec', ['nothing-here']);
    assert.equal(missing.code, 127);
    assert.match(missing.err, /"nothing-here": executable file not found/);
    const reopened = await node.exec('exec', ['sh', '-c', 'echo again > /dev/stdout']);
    assert.equal(reopened.out, 'again\n');
    await assert.rejects(
      node.agent.exec(
        { namespace: 'default', pod: 'exec', container: 'other' },
        { command: ['true'], stdin: false, tty: false },
      ),
      { reason: 'BadRequest' },
    );
  });

  test('exec with a terminal has a real one, of the size that was asked for', async () => {
    await node.run('terminal', { containers: [{ name: 'main', image: 'busybox', command: forever }] });
    await node.until('terminal', isPodReady);
    const session = await node.agent.exec(
      { namespace: 'default', pod: 'terminal', container: 'main' },
      { command: ['sh', '-c', 'read line; tty; stty size; echo got $line'], stdin: true, tty: true },
    );
    session.resize(101, 33);
    session.stdin?.write('hello\n');
    const shown = await text(session.stdout);
    assert.match(shown, /\/dev\/pts\/\d+\r\n33 101\r\ngot hello\r\n/);
    assert.deepEqual(await session.exited, { kind: 'exited', code: 0 });
  });

  test('who attaches talks to the program itself, which ends without minding', async () => {
    await node.run('attached', {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: ['sh', '-c', 'test -t 0 && read line && echo "got $line"'],
          stdin: true,
          tty: true,
        },
      ],
    });
    await node.until('attached', isPodReady);
    const session = await node.agent.attach(
      { namespace: 'default', pod: 'attached', container: 'main' },
      { stdin: true, tty: true },
    );
    session.stdin?.write('hello\n');
    assert.match(await text(session.stdout), /got hello\r\n$/);
    await node.until('attached', (pod) => pod.status?.phase === 'Succeeded');
    assert.match(await node.logs('attached'), /got hello/);
  });

  test('port-forward reaches what listens on the pod\u2019s loopback only', async () => {
    const server =
      "require('net').createServer((s) => s.on('error', () => {}).end('inside')).listen(7000, '127.0.0.1')";
    await node.run('forward', {
      containers: [
        {
          name: 'main',
          image: 'node',
          command: ['/opt/lateen/bin/node', '-e', server],
          readinessProbe: { exec: { command: ['bash', '-c', ': < /dev/tcp/127.0.0.1/7000'] } },
        },
      ],
    });
    await node.until('forward', isPodReady);
    const connection = await node.agent.portForward('default', 'forward', 7000);
    assert.equal(await text(connection), 'inside');
    await assert.rejects(node.agent.portForward('default', 'forward', 7001), {
      message: /connection refused/,
    });
  });

  test('a program that ends is started again at once, then with back-off, and its last log is kept', async () => {
    await node.run('crash', {
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: ['sh', '-c', 'echo bye; echo why > /dev/termination-log; exit 3'],
        },
      ],
    });
    const pod = await node.until('crash', (p) => stateOf(p)?.state?.waiting?.reason === 'CrashLoopBackOff');
    const status = stateOf(pod);
    assert.equal(status?.restartCount, 1);
    assert.equal(status?.lastState?.terminated?.exitCode, 3);
    assert.equal(status?.lastState?.terminated?.message, 'why\n');
    assert.equal(await node.logs('crash', 'main', true), 'bye\n');
    assert.equal(conditionOf(pod as Required<Pod>, 'Ready')?.status, 'False');
  });

  test('a pod that is not to be restarted ends as its containers did', async () => {
    await node.run('good', {
      restartPolicy: 'Never',
      containers: [{ name: 'main', image: 'busybox', command: ['true'] }],
    });
    await node.run('bad', {
      restartPolicy: 'Never',
      containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', 'kill -KILL $$; sleep 9'] }],
    });
    await node.until('good', (pod) => pod.status?.phase === 'Succeeded');
    await node.run('killed', {
      restartPolicy: 'Never',
      containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', 'exit 9'] }],
    });
    const failed = await node.until('killed', (pod) => pod.status?.phase === 'Failed');
    assert.equal(stateOf(failed)?.state?.terminated?.exitCode, 9);
  });

  test('a failing liveness probe restarts the container', async () => {
    await node.run('sick', {
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: ['sh', '-c', 'trap "exit 0" TERM; touch /tmp/sick; sleep infinity & wait'],
          livenessProbe: {
            exec: { command: ['test', '!', '-e', '/tmp/sick'] },
            periodSeconds: 1,
            failureThreshold: 1,
          },
        },
      ],
    });
    const pod = await node.until('sick', (p) => (stateOf(p)?.restartCount ?? 0) > 0);
    assert.equal(stateOf(pod)?.lastState?.terminated?.exitCode, 0, 'it was asked to end and did');
  });

  test('a native sidecar is started before the containers after it and ends after them', async () => {
    await node.run('sidecar', {
      restartPolicy: 'Never',
      initContainers: [
        {
          name: 'helper',
          image: 'busybox',
          restartPolicy: 'Always',
          command: [
            'sh',
            '-c',
            'touch /shared/started; trap "echo last; exit 0" TERM; sleep infinity & wait',
          ],
          startupProbe: { exec: { command: ['test', '-e', '/shared/started'] } },
          volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
        },
      ],
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: ['test', '-e', '/shared/started'],
          volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
        },
      ],
      volumes: [{ name: 'shared', emptyDir: {} }],
    });
    await node.until('sidecar', (pod) => pod.status?.phase === 'Succeeded');
    assert.equal(await node.logs('sidecar', 'helper'), 'last\n');
  });

  test('a pod waits for its config map, and sees its changes', async () => {
    await node.run('waits', {
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: forever,
          volumeMounts: [{ name: 'conf', mountPath: '/conf' }],
        },
      ],
      volumes: [{ name: 'conf', configMap: { name: 'later' } }],
    });
    await node.until('waits', (pod) => stateOf(pod)?.state?.waiting?.reason === 'ContainerCreating');
    const map: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'later', namespace: 'default' },
      data: { key: 'one' },
    };
    await node.client.create<ConfigMap>(resources.configMaps, map);
    await node.until('waits', isPodReady);
    assert.equal((await node.exec('waits', ['cat', '/conf/key'])).out, 'one');
    await node.client.patch(resources.configMaps, 'default', 'later', 'merge', { data: { key: 'two' } });
    const changed = 'for i in $(seq 100); do grep -q two /conf/key && echo seen && exit; sleep 0.02; done';
    assert.equal((await node.exec('waits', ['sh', '-c', changed])).out, 'seen\n');
  });

  test('an unknown image waits with a message that says how to map it', async () => {
    await node.run('unknown', { containers: [{ name: 'main', image: 'acme/app:1' }] });
    const pod = await node.until(
      'unknown',
      (p) => stateOf(p)?.state?.waiting?.reason === 'ErrImageNeverPull',
    );
    assert.match(stateOf(pod)?.state?.waiting?.message ?? '', /lateen images map acme\/app:1 -- COMMAND/);
  });

  test('a program that cannot be started is named', async () => {
    await node.run('nothing', {
      restartPolicy: 'Never',
      containers: [{ name: 'main', image: 'x', command: ['no-such-program'] }],
    });
    const pod = await node.until('nothing', (p) => p.status?.phase === 'Failed');
    const ended = stateOf(pod)?.state?.terminated;
    assert.equal(ended?.reason, 'StartError');
    assert.match(ended?.message ?? '', /"no-such-program": executable file not found in \$PATH/);
  });

  test('a deleted pod gets its preStop and its time, and leaves nothing', async () => {
    await node.run('leaving', {
      terminationGracePeriodSeconds: 20,
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: [
            'sh',
            '-c',
            'trap "cat /tmp/hook; exit 0" TERM; touch /tmp/trapped; sleep infinity & wait',
          ],
          // Before its trap is set the signal ends the shell.
          readinessProbe: { exec: { command: ['test', '-e', '/tmp/trapped'] }, periodSeconds: 1 },
          lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo goodbye > /tmp/hook'] } } },
        },
      ],
    });
    const pod = await node.until('leaving', isPodReady);
    const log = await node.agent.logs(
      { namespace: 'default', pod: 'leaving', container: 'main' },
      { follow: true, previous: false, timestamps: false },
    );
    const said = text(log);
    const cables = Object.keys(networkInterfaces()).length;
    await node.client.delete(resources.pods, 'default', 'leaving');
    await node.untilGone('leaving');
    assert.equal(await said, 'goodbye\n');
    assert.ok(!readdirSync(join(node.dataDir, 'pods')).includes(pod.metadata.uid ?? ''));
    assert.ok(Object.keys(networkInterfaces()).length <= cables);
  });

  test('a program that cannot hear SIGTERM is not waited for', async () => {
    const started = performance.now();
    await node.run('deaf', {
      terminationGracePeriodSeconds: 60,
      containers: [{ name: 'main', image: 'busybox', command: ['sleep', 'infinity'] }],
    });
    await node.until('deaf', isPodReady);
    await node.client.delete(resources.pods, 'default', 'deaf');
    await node.untilGone('deaf');
    assert.ok(performance.now() - started < 10_000);
  });

  test('only asked-for capabilities are left, and iptables works with NET_ADMIN', async () => {
    const caps = 'grep CapBnd /proc/self/status | cut -f2';
    await node.run('caps', {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'none',
          image: 'busybox',
          command: ['sh', '-c', caps],
          securityContext: { capabilities: { drop: ['ALL'] } },
        },
        {
          name: 'rules',
          image: 'busybox',
          command: ['sh', '-c', 'iptables -t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 15001 && echo set'],
          securityContext: { capabilities: { add: ['NET_ADMIN', 'NET_RAW'] } },
        },
      ],
    });
    await node.until('caps', (pod) => pod.status?.phase === 'Succeeded');
    assert.equal(await node.logs('caps', 'none'), '0000000000000000\n');
    assert.equal(await node.logs('caps', 'rules'), 'set\n');
  });
});
