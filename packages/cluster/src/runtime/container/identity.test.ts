import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, PodSecurityContext } from '@lateen/kube';
import { containerIdentity } from './identity.ts';

function identity(own: Container['securityContext'], shared: PodSecurityContext = {}, imageUid = 0) {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [], securityContext: shared },
  };
  return containerIdentity(
    pod,
    { name: 'c', ...(own === undefined ? {} : { securityContext: own }) },
    imageUid,
  );
}

test('the container\u2019s own user goes before the pod\u2019s and the image\u2019s', () => {
  assert.equal(identity({ runAsUser: 1337 }, { runAsUser: 5 }).uid, 1337);
  assert.equal(identity({}, { runAsUser: 5, runAsGroup: 6, fsGroup: 7 }).gid, 6);
  assert.deepEqual(identity({}, { supplementalGroups: [1, 7], fsGroup: 7 }).supplementalGroups, [1, 7]);
  assert.deepEqual([identity({}, {}, 100).uid, identity({ runAsUser: 8 }, {}, 100).gid], [100, 0]);
});

test('capabilities are the usual ones, plus and minus what is asked for', () => {
  assert.deepEqual(
    identity({ capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'CAP_NET_RAW'] } }).capabilities,
    ['net_admin', 'net_raw'],
  );
  const usual = identity({ capabilities: { drop: ['KILL'] } }).capabilities;
  assert.ok(usual.includes('chown') && !usual.includes('kill') && !usual.includes('net_admin'));
  assert.deepEqual(identity({ privileged: true }).capabilities, ['all']);
});

test('what cannot be is refused with a reason', () => {
  assert.throws(() => identity({ runAsNonRoot: true }), {
    message: /runAsNonRoot and image will run as root/,
  });
  assert.throws(() => identity({ runAsUser: 70_000 }), { message: /70000 is too high/ });
});
