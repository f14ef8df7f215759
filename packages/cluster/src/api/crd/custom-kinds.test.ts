import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { resources, type KubeObject } from '@lateen/kube';
import { startTestServer, type HttpAnswer, type TestServer } from '../testing/api-server.ts';

let api: TestServer;
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const boats = '/apis/example.com/v1/namespaces/default/boats';
const oldBoats = '/apis/example.com/v1beta1/namespaces/default/boats';
const merge = { 'content-type': 'application/merge-patch+json' };

const schema = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      description: 'What the boat is to be.',
      required: ['sails'],
      properties: {
        sails: { type: 'integer', minimum: 1, maximum: 4 },
        rig: { type: 'string', enum: ['lateen', 'square'], default: 'lateen' },
        name: { type: 'string', pattern: '^[a-z]+$', maxLength: 10 },
        crew: {
          type: 'array',
          maxItems: 3,
          items: {
            type: 'object',
            required: ['role'],
            properties: { role: { type: 'string' }, age: { type: 'integer' } },
          },
        },
        depth: { 'x-kubernetes-int-or-string': true },
        notes: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        cargo: { type: 'object', additionalProperties: { type: 'integer' } },
        power: {
          type: 'object',
          properties: { wind: { type: 'boolean' }, steam: { type: 'boolean' } },
          oneOf: [{ required: ['wind'] }, { required: ['steam'] }],
        },
      },
    },
    status: { type: 'object', properties: { afloat: { type: 'boolean' } } },
  },
};

function definition(version: object = {}): KubeObject {
  const common = {
    served: true,
    schema: { openAPIV3Schema: schema },
    subresources: {
      status: {},
      scale: { specReplicasPath: '.spec.sails', statusReplicasPath: '.status.sails' },
    },
    additionalPrinterColumns: [
      { name: 'Sails', type: 'integer', jsonPath: '.spec.sails' },
      { name: 'Roles', type: 'string', jsonPath: '.spec.crew[*].role' },
      { name: 'Captain', type: 'string', jsonPath: '.spec.crew[?(@.role=="captain")].age', priority: 1 },
    ],
    ...version,
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'boats.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'boats', kind: 'Boat', shortNames: ['bo'], categories: ['fleet'] },
      versions: [
        { name: 'v1', storage: true, ...common },
        { name: 'v1beta1', storage: false, deprecated: true, ...common },
      ],
    },
  };
}

function boat(name: string, spec: object = {}): object {
  return { apiVersion: 'example.com/v1', kind: 'Boat', metadata: { name }, spec: { sails: 2, ...spec } };
}

function message(answer: HttpAnswer): string {
  return String(answer.body['message']);
}

before(async () => {
  api = await startTestServer();
  const made = await api.call('POST', crds, definition());
  assert.equal(made.status, 201, made.text);
});
after(() => api.close());

test('a kind is served, found by discovery and established when the answer to its definition comes', async () => {
  assert.equal((await api.call('POST', boats, boat('first'))).status, 201);
  const resources = (await api.call('GET', '/apis/example.com/v1')).body['resources'] as {
    name: string;
    shortNames?: string[];
  }[];
  assert.deepEqual(
    resources.map((one) => one.name),
    ['boats', 'boats/scale', 'boats/status'],
  );
  assert.deepEqual(resources[0]?.shortNames, ['bo']);
  const { status } = (await api.call('GET', `${crds}/boats.example.com`)).body as unknown as {
    status: { conditions: { type: string; status: string }[]; storedVersions: string[] };
  };
  assert.deepEqual(
    status.conditions.map((one) => `${one.type} ${one.status}`),
    ['NamesAccepted True', 'Established True'],
  );
  assert.deepEqual(status.storedVersions, ['v1']);
});

test('objects get the defaults of the schema, and their versions are views of the same', async () => {
  const made = await api.call('POST', oldBoats, { ...boat('two'), apiVersion: 'example.com/v1beta1' });
  assert.equal(made.body.apiVersion, 'example.com/v1beta1');
  assert.match(String(made.headers['warning']), /example\.com\/v1beta1 Boat is deprecated/);
  const seen = await api.call('GET', `${boats}/two`);
  assert.equal(seen.body.apiVersion, 'example.com/v1');
  assert.deepEqual(seen.body['spec'], { sails: 2, rig: 'lateen' });
});

test('what the schema does not allow is refused, every field by its path', async () => {
  const wrong = boat('wrong', {
    sails: 9,
    rig: 'square-ish',
    name: 'UPPER',
    crew: [{ age: 'old' }],
    depth: 1.5,
    cargo: { tea: 'much' },
    power: { wind: true, steam: true },
  });
  const answer = await api.call('POST', boats, wrong);
  assert.equal(answer.status, 422);
  const { causes } = answer.body['details'] as { causes: { field: string; message: string }[] };
  assert.deepEqual(
    causes.map((cause) => `${cause.field}: ${cause.message}`),
    [
      'spec.sails: Invalid value: 9: spec.sails in body should be less than or equal to 4',
      'spec.rig: Unsupported value: "square-ish": supported values: "lateen", "square"',
      `spec.name: Invalid value: "UPPER": spec.name in body should match '^[a-z]+$'`,
      'spec.crew[0].role: Required value',
      'spec.crew[0].age: Invalid value: "old": spec.crew[0].age in body must be of type integer: "string"',
      'spec.depth: Invalid value: 1.5: spec.depth in body must be of type integer,string: "number"',
      'spec.cargo.tea: Invalid value: "much": spec.cargo.tea in body must be of type integer: "string"',
      'spec.power: Invalid value: "object": spec.power in body must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
  );
  assert.match(
    message(await api.call('POST', boats, { ...boat('none'), spec: {} })),
    /spec\.sails: Required value/,
  );
});

test('fields that the schema does not have are taken out, but for those under preserve-unknown-fields', async () => {
  const odd = boat('odd', {
    engine: 'diesel',
    notes: { any: { thing: 1 } },
    crew: [{ role: 'cook', hat: 'tall' }],
  });
  const warned = await api.call('POST', boats, odd);
  assert.match(String(warned.headers['warning']), /unknown field \\"spec\.engine\\"/);
  assert.match(String(warned.headers['warning']), /unknown field \\"spec\.crew\[0\]\.hat\\"/);
  assert.deepEqual(warned.body['spec'], {
    sails: 2,
    rig: 'lateen',
    notes: { any: { thing: 1 } },
    crew: [{ role: 'cook' }],
  });
});

test('status and scale are subresources', async () => {
  await api.call('POST', boats, { ...boat('sub'), status: { afloat: true } });
  assert.equal((await api.call('GET', `${boats}/sub`)).body['status'], undefined);
  const status = await api.call(
    'PATCH',
    `${boats}/sub/status`,
    { spec: { sails: 4 }, status: { afloat: true } },
    merge,
  );
  assert.deepEqual(
    [status.body['status'], status.body['spec']],
    [{ afloat: true }, { sails: 2, rig: 'lateen' }],
  );
  const scale = await api.call('PATCH', `${boats}/sub/scale`, { spec: { replicas: 3 } }, merge);
  assert.deepEqual(scale.body['spec'], { replicas: 3 });
  const scaled = await api.call('GET', `${boats}/sub`);
  assert.deepEqual([scaled.body['spec'], scaled.body.metadata.generation], [{ sails: 3, rig: 'lateen' }, 2]);
});

test('the table has the printer columns', async () => {
  const crew = [
    { role: 'captain', age: 50 },
    { role: 'cook', age: 30 },
  ];
  await api.call('POST', boats, boat('printed', { crew }));
  const accept = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const table = await api.call('GET', `${boats}/printed`, undefined, accept);
  const [row] = table.body['rows'] as { cells: unknown[] }[];
  assert.deepEqual(row?.cells, ['printed', 2, 'captain,cook', '50']);
});

test('OpenAPI tells the schema as its author wrote it, with a hash that changes when it does', async () => {
  const hashOf = async (): Promise<string> => {
    const index = (await api.call('GET', '/openapi/v3')).body as unknown as {
      paths: Record<string, { serverRelativeURL: string }>;
    };
    return index.paths['apis/example.com/v1']?.serverRelativeURL ?? '';
  };
  const before = await hashOf();
  const document = (await api.call('GET', before)).body as unknown as {
    components: { schemas: Record<string, { properties: { spec: { description: string } } }> };
    paths: Record<string, unknown>;
  };
  assert.equal(
    document.components.schemas['com.example.v1.Boat']?.properties.spec.description,
    'What the boat is to be.',
  );
  assert.ok(document.paths['/apis/example.com/v1/namespaces/{namespace}/boats/{name}']);
  await api.call('PATCH', `${crds}/boats.example.com`, { spec: { preserveUnknownFields: false } }, merge);
  assert.equal(await hashOf(), before);
});

test('definitions that cannot be served are refused by path', async () => {
  const bad = definition();
  const spec = bad['spec'] as { names: { plural: string }; versions: { storage: boolean }[] };
  spec.names.plural = 'ships';
  spec.versions[1]!.storage = true;
  assert.match(
    message(await api.call('POST', crds, bad)),
    /\[metadata\.name: Invalid value: "boats\.example\.com": must be spec\.names\.plural.*spec\.versions: Invalid value: 2: must have exactly one version marked as storage version/,
  );
  const pattern = definition({
    schema: { openAPIV3Schema: { type: 'object', properties: { a: { type: 'string', pattern: '(' } } } },
  });
  pattern.metadata.name = 'rafts.example.com';
  (pattern['spec'] as typeof spec).names = { ...spec.names, plural: 'rafts' };
  assert.match(
    message(await api.call('POST', crds, pattern)),
    /schema\.openAPIV3Schema\.properties\.a\.pattern: Invalid value: "\("/,
  );
});

test('a pattern that would take for ever elsewhere takes no time here', async () => {
  const slow = definition({
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } } },
      },
    },
  });
  slow.metadata.name = 'slows.example.com';
  (slow['spec'] as { names: object }).names = { plural: 'slows', kind: 'Slow' };
  await api.call('POST', crds, slow);
  const object = {
    apiVersion: 'example.com/v1',
    kind: 'Slow',
    metadata: { name: 'x' },
    spec: { a: `${'a'.repeat(5000)}!` },
  };
  const began = performance.now();
  assert.equal((await api.call('POST', '/apis/example.com/v1/namespaces/default/slows', object)).status, 422);
  assert.ok(performance.now() - began < 1000);
});

test('v1beta1 definitions are stored as v1', async () => {
  const old = {
    apiVersion: 'apiextensions.k8s.io/v1beta1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'canoes.example.com' },
    spec: {
      group: 'example.com',
      version: 'v1',
      scope: 'Namespaced',
      names: { plural: 'canoes', kind: 'Canoe' },
      additionalPrinterColumns: [{ name: 'Length', type: 'integer', JSONPath: '.spec.length' }],
    },
  };
  const made = await api.call('POST', '/apis/apiextensions.k8s.io/v1beta1/customresourcedefinitions', old);
  assert.equal(made.status, 201, made.text);
  const canoe = {
    apiVersion: 'example.com/v1',
    kind: 'Canoe',
    metadata: { name: 'c' },
    spec: { length: 4, any: 1 },
  };
  const stored = await api.call('POST', '/apis/example.com/v1/namespaces/default/canoes', canoe);
  assert.deepEqual(stored.body['spec'], { length: 4, any: 1 });
});

test('kinds and objects are there again after a restart', async () => {
  api = await api.restart();
  const seen = await api.call('GET', `${boats}/two`);
  assert.deepEqual([seen.status, seen.body['spec']], [200, { sails: 2, rig: 'lateen' }]);
});

test('a definition that goes takes its objects with it, those with finalizers first', async () => {
  await api.call('PATCH', `${boats}/two`, { metadata: { finalizers: ['example.com/dock'] } }, merge);
  await api.call('DELETE', `${crds}/boats.example.com`);
  const held = await api.call('GET', `${boats}/two`);
  assert.ok(held.body.metadata.deletionTimestamp);
  assert.equal((await api.call('GET', `${boats}/first`)).status, 404);
  const over = new AbortController();
  const { resourceVersion } = await api.client.list(resources.customResourceDefinitions);
  const gone = api.client.watch(
    resources.customResourceDefinitions,
    { resourceVersion },
    ({ type }) => {
      if (type === 'DELETED') over.abort();
    },
    over.signal,
  );
  await api.call('PATCH', `${boats}/two`, { metadata: { finalizers: null } }, merge);
  await gone;
  assert.equal((await api.call('GET', boats)).status, 404);
});
