import { createHash } from 'node:crypto';
import { kubernetesVersion } from '@lateen/config';
import type { JsonObject, ObjectSchema } from '@lateen/kube';
import { apiVersionText } from '../registry/resource-type.ts';
import type { TypeRegistry } from '../registry/type-registry.ts';
import type { Discovery } from './discovery.ts';
import type { ResourceListing, VersionListing } from './groups.ts';
import { SchemaDocument, componentName, type Descriptions } from './schema-document.ts';

/** OpenAPI documents of what is served, for `kubectl explain` and for validation by clients. */
export class OpenApi {
  readonly #types: TypeRegistry;
  readonly #discovery: Discovery;
  readonly #metadata: ObjectSchema;
  #generation = -1;
  readonly #documents = new Map<string, JsonObject>();

  constructor(types: TypeRegistry, discovery: Discovery, metadata: ObjectSchema) {
    this.#types = types;
    this.#discovery = discovery;
    this.#metadata = metadata;
  }

  /** `/openapi/v2`: everything in one document. */
  async v2(): Promise<JsonObject> {
    const descriptions = await loadDescriptions();
    return this.#cached('v2', () => {
      const schemas = new SchemaDocument('#/definitions/', descriptions);
      schemas.useMetadata(this.#metadata);
      const paths: JsonObject = {};
      for (const { group, versions } of this.#discovery.groups()) {
        for (const version of versions) addVersion(paths, schemas, group, version);
      }
      return { swagger: '2.0', info: openApiInfo, paths, definitions: schemas.schemas };
    });
  }

  /** `/openapi/v3`: where the documents are; a hash changes when its document does. */
  v3Index(): JsonObject {
    return this.#cached('v3', () => {
      const paths: JsonObject = {};
      for (const { group, versions } of this.#discovery.groups()) {
        for (const version of versions) {
          const path = pathOf(group, version.version);
          const hash = createHash('sha256').update(JSON.stringify(version.resources.map(identity)));
          paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash.digest('hex')}` };
        }
      }
      return { paths };
    });
  }

  /** One document, such as `apis/apps/v1`; undefined where there is none. */
  async v3(path: string): Promise<JsonObject | undefined> {
    for (const { group, versions } of this.#discovery.groups()) {
      const version = versions.find((one) => pathOf(group, one.version) === path);
      if (version === undefined) continue;
      const descriptions = await loadDescriptions();
      return this.#cached(path, () => {
        const schemas = new SchemaDocument('#/components/schemas/', descriptions);
        schemas.useMetadata(this.#metadata);
        const paths: JsonObject = {};
        addVersion(paths, schemas, group, version);
        return { openapi: '3.0.0', info: openApiInfo, paths, components: { schemas: schemas.schemas } };
      });
    }
    return undefined;
  }

  #cached(name: string, make: () => JsonObject): JsonObject {
    if (this.#generation !== this.#types.generation) {
      this.#documents.clear();
      this.#generation = this.#types.generation;
    }
    let document = this.#documents.get(name);
    if (document === undefined) this.#documents.set(name, (document = make()));
    return document;
  }
}

/** What every document says of itself. */
export const openApiInfo = { title: 'Kubernetes', version: kubernetesVersion.gitVersion };

/** The texts are only loaded when somebody asks: they are larger than all else together. */
async function loadDescriptions(): Promise<Descriptions> {
  const { descriptionTable } = await import('../../../gen/description-table.ts');
  return JSON.parse(descriptionTable) as Descriptions;
}

function pathOf(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

/** Says whether a resource is the same as at another time. */
function identity({ type, version }: ResourceListing): string {
  const schema =
    version.publicSchema === undefined ? kubernetesVersion.gitVersion : JSON.stringify(version.publicSchema);
  return `${type.plural} ${type.kind} ${schema}`;
}

function addVersion(
  paths: JsonObject,
  schemas: SchemaDocument,
  group: string,
  listing: VersionListing,
): void {
  const root = `/${pathOf(group, listing.version)}`;
  for (const { type, version } of listing.resources) {
    const kind = { group, version: listing.version, kind: type.kind };
    const name = type.custom ? customName(group, listing.version, type.kind) : componentName(version.schema);
    schemas.addKind(name, version.schema, version.publicSchema, kind);
    const collection = type.namespaced
      ? `${root}/namespaces/{namespace}/${type.plural}`
      : `${root}/${type.plural}`;
    const verbs = type.verbs ?? ['get', 'list', 'create', 'update', 'patch', 'delete'];
    const at = (verb: string, action: string, method: string): JsonObject =>
      verbs.includes(verb) ? { [method]: operation(action, kind, method) } : {};
    paths[collection] = { ...at('list', 'list', 'get'), ...at('create', 'post', 'post') };
    paths[`${collection}/{name}`] = {
      ...at('get', 'get', 'get'),
      ...at('update', 'put', 'put'),
      ...at('patch', 'patch', 'patch'),
      ...at('delete', 'delete', 'delete'),
    };
  }
}

/** `io.istio.networking.v1.VirtualService`: the group's parts the other way round. */
function customName(group: string, version: string, kind: string): string {
  return [...group.split('.').toReversed(), version, kind].join('.');
}

function operation(
  action: string,
  kind: { group: string; version: string; kind: string },
  method: string,
): JsonObject {
  const writes = method === 'post' || method === 'put' || method === 'patch';
  const parameter = (name: string): JsonObject => ({
    name,
    in: 'query',
    // OpenAPI 2 wants the type here, OpenAPI 3 in a schema; each ignores the other.
    type: 'string',
    schema: { type: 'string', uniqueItems: true },
  });
  return {
    operationId: `${action} ${apiVersionText(kind)} ${kind.kind}`.replaceAll(
      /[^A-Za-z0-9]+(.)/g,
      (_, c: string) => c.toUpperCase(),
    ),
    ...(writes ? { parameters: ['dryRun', 'fieldManager', 'fieldValidation'].map(parameter) } : {}),
    responses: { 200: { description: 'OK' } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': kind,
  };
}
