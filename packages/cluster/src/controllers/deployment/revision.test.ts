import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment } from '@lateen/kube';
import { isOfTemplate, newRevision, revisionAnnotations, sortRevisions, templateHash } from './revision.ts';

const web: Deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: 'u1',
    annotations: {
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
      'kubernetes.io/change-cause': 'first',
      'deployment.kubernetes.io/revision': '7',
    },
  },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'web' }] } },
  },
};

test('the hash depends on what the template says, not on the order in which it says it', () => {
  const turned = {
    spec: { containers: [{ image: 'web', name: 'c' }] },
    metadata: { labels: { app: 'web' } },
  };
  assert.equal(templateHash(web.spec.template, 0), templateHash(turned, 0));
  assert.notEqual(templateHash(web.spec.template, 0), templateHash(web.spec.template, 1));
  assert.notEqual(templateHash(web.spec.template, 0), templateHash({ ...turned, metadata: {} }, 0));
  assert.match(templateHash(web.spec.template, 0), /^[b-z2-9]+$/);
});

test('a new set is told from others by its hash, and is known again after the server has filled in defaults', () => {
  const made = newRevision(web, 2, 3, 8);
  const hash = made.metadata.labels?.['pod-template-hash'];
  assert.equal(made.metadata.name, `web-${hash}`);
  assert.deepEqual(made.spec.selector.matchLabels, { app: 'web', 'pod-template-hash': hash });
  assert.deepEqual(made.spec.template?.metadata?.labels, { app: 'web', 'pod-template-hash': hash });
  const stored = structuredClone(made);
  Object.assign(stored.spec.template?.metadata ?? {}, { creationTimestamp: null, annotations: {} });
  assert.equal(isOfTemplate(stored, web.spec.template), true);
  assert.equal(isOfTemplate(stored, { ...web.spec.template, spec: { containers: [] } }), false);
});

test('a set inherits the annotations that describe the change, not those of the bookkeeping', () => {
  assert.deepEqual(revisionAnnotations(web, 3, 8), {
    'kubernetes.io/change-cause': 'first',
    'deployment.kubernetes.io/revision': '8',
    'deployment.kubernetes.io/desired-replicas': '2',
    'deployment.kubernetes.io/max-replicas': '3',
  });
});

test('a set whose template was changed on its way in is still the present one', () => {
  const made = newRevision(web, 2, 3, 8);
  const stored = structuredClone(made);
  Object.assign(stored.spec.template?.spec ?? {}, { priorityClassName: 'set-by-a-webhook' });
  assert.equal(sortRevisions(web, [stored]).current, stored);
  const changed = {
    ...web,
    spec: { ...web.spec, template: { ...web.spec.template, spec: { containers: [] } } },
  };
  assert.equal(sortRevisions(changed, [stored]).current, undefined);
});
