import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { once } from 'node:events';
import { request } from 'node:https';
import type { KubeObject } from '@lateen/kube';
import { WebSocket } from 'ws';
import { startTestServer, type HttpAnswer, type TestServer } from '../testing/api-server.ts';

let api: TestServer;
before(async () => {
  api = await startTestServer();
});
after(() => api.close());

const configMaps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';

function configMap(name: string, extra: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...extra };
}

function deployment(name: string, spec: object = {}): object {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { selector: { matchLabels: labels }, template, ...spec },
  };
}

function message(answer: HttpAnswer): string {
  return String(answer.body['message']);
}

describe('objects', () => {
  test('what the body names must be what the path names', async () => {
    const kind = await api.call('POST', configMaps, { ...configMap('a'), kind: 'Secret' });
    assert.equal(kind.status, 400);
    assert.match(message(kind), /the kind in the data \(Secret\) does not match/);
    const namespace = await api.call(
      'POST',
      configMaps,
      configMap('a', { metadata: { name: 'a', namespace: 'b' } }),
    );
    assert.match(message(namespace), /namespace of the provided object does not match/);
    await api.call('POST', configMaps, configMap('a'));
    const name = await api.call('PUT', `${configMaps}/a`, configMap('b'));
    assert.match(message(name), /name of the object \(b\) does not match the name on the URL \(a\)/);
  });

  test('a second object of the same name, a missing one, and a namespace that does not exist are refused in Kubernetes\u2019 words', async () => {
    await api.call('POST', configMaps, configMap('twice'));
    const second = await api.call('POST', configMaps, configMap('twice'));
    assert.deepEqual([second.status, message(second)], [409, 'configmaps "twice" already exists']);
    const missing = await api.call('GET', `${deployments}/missing`);
    assert.deepEqual([missing.status, message(missing)], [404, 'deployments.apps "missing" not found']);
    const nowhere = await api.call('POST', '/api/v1/namespaces/nowhere/configmaps', configMap('a'));
    assert.deepEqual([nowhere.status, message(nowhere)], [404, 'namespaces "nowhere" not found']);
  });

  test('generateName gives every object a name of its own', async () => {
    const names = new Set<string>();
    for (let i = 0; i < 5; i++) {
      const answer = await api.call(
        'POST',
        configMaps,
        configMap('', { metadata: { generateName: 'gen-' } }),
      );
      names.add(answer.body.metadata.name);
    }
    assert.equal(names.size, 5);
    for (const name of names) assert.match(name, /^gen-[a-z0-9]{5}$/);
  });

  test('a generation counts changes of the desired state only', async () => {
    const first = await api.call('POST', deployments, deployment('gen'));
    assert.equal(first.body.metadata.generation, 1);
    const labelled = await api.call(
      'PATCH',
      `${deployments}/gen`,
      { metadata: { labels: { a: 'b' } } },
      merge,
    );
    assert.equal(labelled.body.metadata.generation, 1);
    const status = await api.call('PATCH', `${deployments}/gen/status`, { status: { replicas: 1 } }, merge);
    assert.equal(status.body.metadata.generation, 1);
    const scaled = await api.call(
      'PATCH',
      `${deployments}/gen`,
      { spec: { replicas: 3 }, status: { replicas: 9 } },
      merge,
    );
    assert.equal(scaled.body.metadata.generation, 2);
    assert.deepEqual(scaled.body['status'], { replicas: 1 });
  });

  test('a write that changes nothing makes no revision', async () => {
    const first = await api.call('POST', configMaps, configMap('same', { data: { a: '1' } }));
    const second = await api.call('PUT', `${configMaps}/same`, first.body);
    assert.equal(second.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
  });

  test('a dry run answers like a write and stores nothing', async () => {
    const answer = await api.call('POST', `${configMaps}?dryRun=All`, configMap('dry'));
    assert.equal(answer.status, 201);
    assert.ok(answer.body.metadata.uid);
    assert.equal((await api.call('GET', `${configMaps}/dry`)).status, 404);
  });

  test('preconditions of a deletion are kept', async () => {
    await api.call('POST', configMaps, configMap('guarded'));
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'another' } };
    const refused = await api.call('DELETE', `${configMaps}/guarded`, body);
    assert.equal(refused.status, 409);
    assert.match(message(refused), /Precondition failed: UID in precondition: another/);
    assert.equal((await api.call('DELETE', `${configMaps}/guarded`)).status, 200);
  });

  test('foreground deletion leaves a finalizer for the garbage collector', async () => {
    await api.call('POST', deployments, deployment('owner'));
    await api.call('DELETE', `${deployments}/owner`, { propagationPolicy: 'Foreground' });
    const marked = await api.call('GET', `${deployments}/owner`);
    assert.deepEqual(marked.body.metadata.finalizers, ['foregroundDeletion']);
    assert.ok(marked.body.metadata.deletionTimestamp);
    await api.call('PATCH', `${deployments}/owner`, { metadata: { finalizers: null } }, merge);
    assert.equal((await api.call('GET', `${deployments}/owner`)).status, 404);
  });

  test('many objects are deleted by their labels', async () => {
    for (const name of ['x1', 'x2', 'x3']) {
      const labels = { group: name === 'x3' ? 'other' : 'these' };
      await api.call('POST', configMaps, configMap(name, { metadata: { name, labels } }));
    }
    await api.call('DELETE', `${configMaps}?labelSelector=group%3Dthese`);
    const left = await api.call('GET', `${configMaps}?labelSelector=group`);
    assert.deepEqual(
      (left.body['items'] as { metadata: { name: string } }[]).map((item) => item.metadata.name),
      ['x3'],
    );
  });
});

const merge = { 'content-type': 'application/merge-patch+json' };

describe('what a client gets wrong', () => {
  test('unknown and repeated fields are refused by path, warned of, or let pass, as the client asks', async () => {
    const text = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"odd","labels":{"a":"1","a":"2"}},"dataa":{}}`;
    const strict = await api.call('POST', `${configMaps}?fieldValidation=Strict&dryRun=All`, text);
    assert.equal(strict.status, 400);
    assert.match(
      message(strict),
      /strict decoding error: unknown field "dataa", duplicate field "metadata.labels.a"/,
    );
    const warned = await api.call('POST', `${configMaps}?fieldValidation=Warn&dryRun=All`, text);
    assert.equal(warned.status, 201);
    assert.match(String(warned.headers['warning']), /299 - "unknown field \\"dataa\\""/);
    const ignored = await api.call('POST', `${configMaps}?fieldValidation=Ignore&dryRun=All`, text);
    assert.deepEqual([ignored.status, ignored.headers['warning']], [201, undefined]);
  });

  test('a value of the wrong type is named with its field', async () => {
    const answer = await api.call('POST', deployments, deployment('wrong', { replicas: 'three' }));
    assert.equal(answer.status, 400);
    assert.match(
      message(answer),
      /Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32/,
    );
  });

  test('every invalid field is a cause of the status', async () => {
    const answer = await api.call(
      'POST',
      deployments,
      deployment('bad', { replicas: -1, selector: { matchLabels: { a: 'b' } } }),
    );
    assert.equal(answer.status, 422);
    const details = answer.body['details'] as { causes: { field: string }[] };
    assert.deepEqual(
      details.causes.map((cause) => cause.field),
      ['spec.replicas', 'spec.template.metadata.labels'],
    );
    assert.match(
      message(answer),
      /^Deployment\.apps "bad" is invalid: \[spec\.replicas: Invalid value: -1: must be/,
    );
  });

  test('a body that is no JSON, too large, nested without end or of another type is refused and the server lives', async () => {
    assert.equal((await api.call('POST', configMaps, '{"apiVersion":')).status, 400);
    const large = await api.call(
      'POST',
      configMaps,
      configMap('large', { data: { a: 'x'.repeat(3 * 1024 * 1024) } }),
    );
    assert.deepEqual([large.status, large.body['reason']], [413, 'RequestEntityTooLarge']);
    const deep = `{"apiVersion":"v1","kind":"ConfigMap","metadata":${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}}`;
    assert.equal((await api.call('POST', configMaps, deep)).status, 400);
    const form = await api.call('POST', configMaps, 'a=b', {
      'content-type': 'application/vnd.kubernetes.protobuf',
    });
    assert.equal(form.status, 400);
    assert.equal((await api.anonymous('GET', '/readyz')).status, 200);
  });

  test('selectors that cannot be read are named', async () => {
    assert.equal((await api.call('GET', `${configMaps}?labelSelector=a%20b%20c`)).status, 400);
    const field = await api.call('GET', `${configMaps}?fieldSelector=data.x%3D1`);
    assert.match(message(field), /field label not supported: data\.x/);
  });
});

describe('lists', () => {
  test('pages continue at the revision of the first, and an unusable token says so', async () => {
    for (const name of ['p1', 'p2', 'p3']) {
      await api.call('POST', '/api/v1/namespaces/kube-public/configmaps', configMap(name));
    }
    const path = '/api/v1/namespaces/kube-public/configmaps?limit=2';
    const first = await api.call('GET', path);
    const { continue: token, remainingItemCount } = first.body.metadata as unknown as Record<string, string>;
    assert.equal(remainingItemCount, 1);
    await api.call('POST', '/api/v1/namespaces/kube-public/configmaps', configMap('p25'));
    const second = await api.call('GET', `${path}&continue=${token}`);
    const names = (second.body['items'] as { metadata: { name: string } }[]).map(
      (item) => item.metadata.name,
    );
    assert.deepEqual(names, ['p3']);
    assert.equal((await api.call('GET', `${path}&continue=zzz`)).status, 400);
  });

  test('a table has the columns of the kind and the objects\u2019 metadata', async () => {
    await api.call('POST', deployments, deployment('table'));
    const accept = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
    const answer = await api.call(
      'GET',
      `${deployments}?fieldSelector=metadata.name%3Dtable`,
      undefined,
      accept,
    );
    assert.equal(answer.body.kind, 'Table');
    const columns = (answer.body['columnDefinitions'] as { name: string; priority: number }[])
      .filter((column) => column.priority === 0)
      .map((column) => column.name);
    assert.deepEqual(columns, ['Name', 'Ready', 'Up-to-date', 'Available', 'Age']);
    const [row] = answer.body['rows'] as { cells: unknown[]; object: { kind: string } }[];
    assert.deepEqual(row?.cells.slice(0, 4), ['table', '0/1', 0, 0]);
    assert.equal(row?.object.kind, 'PartialObjectMetadata');
  });

  test('an answer in a form that the server does not have is refused', async () => {
    const answer = await api.call('GET', configMaps, undefined, {
      accept: 'application/vnd.kubernetes.protobuf',
    });
    assert.equal(answer.status, 406);
  });
});

interface WatchLine {
  readonly type: string;
  readonly object: KubeObject;
}

/** Reads the lines of a watch until `count` of them have come. */
function watchLines(path: string, count: number, onOpen: () => Promise<unknown>): Promise<WatchLine[]> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port: api.port,
        path,
        ca: api.server.caCertificate,
        ...api.administrator,
        agent: false,
      },
      (response) => {
        const lines: WatchLine[] = [];
        let rest = '';
        response.on('data', (chunk: Buffer) => {
          const parts = (rest + chunk.toString()).split('\n');
          rest = parts.pop() ?? '';
          lines.push(...parts.map((line) => JSON.parse(line) as WatchLine));
          if (lines.length < count) return;
          outgoing.destroy();
          resolve(lines);
        });
        response.on('end', () => resolve(lines));
        onOpen().catch(reject);
      },
    );
    outgoing.on('error', (error) => (outgoing.destroyed ? undefined : reject(error)));
    outgoing.end();
  });
}

describe('watches', () => {
  test('a watch without a revision begins with what there is', async () => {
    await api.call('POST', '/api/v1/namespaces/kube-node-lease/configmaps', configMap('w1'));
    const path = '/api/v1/namespaces/kube-node-lease/configmaps?watch=true';
    const lines = await watchLines(path, 2, () =>
      api.call('POST', '/api/v1/namespaces/kube-node-lease/configmaps', configMap('w2')),
    );
    const seen = lines.map((line) => `${line.type} ${line.object.metadata.name}`);
    assert.deepEqual(seen, ['ADDED w1', 'ADDED w2']);
  });

  test('a revision that is no longer kept is answered with 410', async () => {
    // The server forgets at its start what was before it; this one began empty.
    const { resourceVersion } = (await api.call('GET', configMaps)).body.metadata;
    api = await api.restart();
    const late = await api.call(
      'GET',
      `${configMaps}?watch=true&resourceVersion=${Number(resourceVersion) - 1}`,
    );
    assert.deepEqual([late.status, late.body['reason']], [410, 'Expired']);
  });

  test('the initial events of a watch list end with a bookmark that says so', async () => {
    const path = `${configMaps}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&fieldSelector=metadata.name%3Dnone`;
    const [line] = await watchLines(path, 1, () => Promise.resolve());
    assert.equal(line?.type, 'BOOKMARK');
    assert.equal(line.object.metadata.annotations?.['k8s.io/initial-events-end'], 'true');
  });

  test('a watch over a WebSocket sends one event a message', async () => {
    const path = `${configMaps}?watch=true&resourceVersion=${await revision()}`;
    const url = `wss://127.0.0.1:${api.port}${path}`;
    const socket = new WebSocket(url, { ca: api.server.caCertificate, ...api.administrator });
    await once(socket, 'open');
    const message = once(socket, 'message') as Promise<[Buffer, boolean]>;
    await api.call('POST', configMaps, configMap('by-socket'));
    const [data, isBinary] = await message;
    const line = JSON.parse(data.toString()) as WatchLine;
    assert.deepEqual([isBinary, line.type, line.object.metadata.name], [false, 'ADDED', 'by-socket']);
    socket.close();
    await once(socket, 'close');
  });

  test('a watch with a time limit ends by itself', async () => {
    const lines = await watchLines(
      `${configMaps}?watch=true&timeoutSeconds=1&resourceVersion=${await revision()}`,
      1,
      () => Promise.resolve(),
    );
    assert.deepEqual(lines, []);
  });
});

async function revision(): Promise<string> {
  return (await api.call('GET', configMaps)).body.metadata.resourceVersion ?? '';
}
