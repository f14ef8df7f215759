import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crdManifests } from './crd-manifests.ts';

interface Schema {
  readonly type?: string;
  readonly properties?: Record<string, Schema>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly [keyword: string]: unknown;
}

/** What Kubernetes asks of a structural schema: a type everywhere, and no keywords that it does not know. */
function checkStructural(schema: Schema, path: string): void {
  const known = [
    'type',
    'description',
    'format',
    'enum',
    'minLength',
    'maxLength',
    'minItems',
    'required',
    'items',
    'properties',
    'additionalProperties',
    'x-kubernetes-preserve-unknown-fields',
    'x-kubernetes-int-or-string',
  ];
  for (const keyword of Object.keys(schema)) assert.ok(known.includes(keyword), `${path} has ${keyword}`);
  if (schema['x-kubernetes-int-or-string'] !== true)
    assert.ok(schema.type !== undefined, `${path} has no type`);
  assert.ok(
    !(schema.properties !== undefined && schema.additionalProperties !== undefined),
    `${path} has properties and additionalProperties`,
  );
  for (const [name, field] of Object.entries(schema.properties ?? {}))
    checkStructural(field, `${path}.${name}`);
  if (schema.items !== undefined) checkStructural(schema.items, `${path}[]`);
  if (schema.type === 'array') assert.ok(schema.items !== undefined, `${path} has no items`);
  if (schema.additionalProperties !== undefined) checkStructural(schema.additionalProperties, `${path}.*`);
}

test('every CRD has structural schemas and one version that is stored', () => {
  for (const { metadata, spec } of crdManifests()) {
    assert.equal(metadata.name, `${spec.names.plural}.${spec.group}`);
    assert.equal(spec.versions.filter(({ storage }) => storage).length, 1);
    for (const version of spec.versions) {
      assert.ok(version.served);
      checkStructural(version.schema.openAPIV3Schema, `${spec.names.kind} ${version.name}`);
    }
  }
});

test('the kinds of the tutorials are served in every version that they are written in', () => {
  const versions = new Map(
    crdManifests().map(({ spec }) => [spec.names.kind, spec.versions.map(({ name }) => name)]),
  );
  for (const kind of ['VirtualService', 'DestinationRule', 'Gateway', 'ServiceEntry']) {
    assert.deepEqual(versions.get(kind), ['v1', 'v1beta1', 'v1alpha3']);
  }
});
