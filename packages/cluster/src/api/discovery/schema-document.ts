import type { FieldType, JsonObject, ObjectSchema } from '@lateen/kube';

/** Texts by model and field; the text of the model itself under the empty name. */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

const quantityName = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const intOrStringName = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

/** Collects the JSON schemas of models that refer to each other, for an OpenAPI document. */
export class SchemaDocument {
  readonly schemas: Record<string, JsonObject> = {};
  readonly #refPrefix: string;
  readonly #descriptions: Descriptions;

  /** `refPrefix` is `#/components/schemas/` in OpenAPI 3 and `#/definitions/` in 2. */
  constructor(refPrefix: string, descriptions: Descriptions) {
    this.#refPrefix = refPrefix;
    this.#descriptions = descriptions;
  }

  /** Adds a kind of the API under a name of its own; `written` is the schema of a custom kind as its author wrote it. */
  addKind(
    name: string,
    schema: ObjectSchema,
    written: JsonObject | undefined,
    groupVersionKind: JsonObject,
  ): void {
    const described = written === undefined ? this.#objectSchema(schema) : this.#withObjectFields(written);
    const known = this.schemas[name]?.['x-kubernetes-group-version-kind'];
    const kinds = [...(Array.isArray(known) ? (known as unknown[]) : []), groupVersionKind];
    this.schemas[name] = { ...described, 'x-kubernetes-group-version-kind': kinds };
  }

  ref(schema: ObjectSchema): JsonObject {
    const name = componentName(schema);
    if (this.schemas[name] === undefined) {
      // Set before it is built: models refer to themselves.
      this.schemas[name] = {};
      this.schemas[name] = this.#objectSchema(schema);
    }
    return { $ref: `${this.#refPrefix}${name}` };
  }

  #objectSchema(schema: ObjectSchema): JsonObject {
    const texts = this.#descriptions[schema.name] ?? {};
    const properties: JsonObject = {};
    for (const name of schema.fieldNames()) {
      const type = schema.field(name);
      if (type === undefined) continue;
      properties[name] = withDescription(this.#typeSchema(type), texts[name]);
    }
    const required = schema.required();
    return {
      ...(texts[''] === undefined ? {} : { description: texts[''] }),
      type: 'object',
      ...(Object.keys(properties).length === 0 ? {} : { properties }),
      ...(required.length === 0 ? {} : { required }),
      ...(schema.open ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
    };
  }

  #typeSchema(type: FieldType): JsonObject {
    switch (type.kind) {
      case 'string':
        return { type: 'string', ...(type.format === undefined ? {} : { format: formatName(type.format) }) };
      case 'integer':
        return { type: 'integer', format: type.format };
      case 'number':
        return { type: 'number', format: 'double' };
      case 'boolean':
        return { type: 'boolean' };
      case 'quantity':
        return this.#scalarRef(quantityName, { oneOf: [{ type: 'string' }, { type: 'number' }] });
      case 'int-or-string':
        return this.#scalarRef(intOrStringName, {
          format: 'int-or-string',
          oneOf: [{ type: 'integer' }, { type: 'string' }],
        });
      case 'list':
        return { type: 'array', items: this.#typeSchema(type.items), ...listExtensions(type) };
      case 'map':
        return { type: 'object', additionalProperties: this.#typeSchema(type.values) };
      case 'object':
        return this.ref(type.schema);
      default:
        return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    }
  }

  #scalarRef(name: string, schema: JsonObject): JsonObject {
    this.schemas[name] ??= schema;
    return { $ref: `${this.#refPrefix}${name}` };
  }

  /** A custom kind's own schema says nothing of the fields that all objects have. */
  #withObjectFields(schema: JsonObject): JsonObject {
    const texts = this.#descriptions['V1Pod'] ?? {};
    const properties = schema['properties'] as JsonObject | undefined;
    const metadata = this.#metadataRef;
    return {
      ...schema,
      properties: {
        ...properties,
        apiVersion: withDescription({ type: 'string' }, texts['apiVersion']),
        kind: withDescription({ type: 'string' }, texts['kind']),
        ...(metadata === undefined ? {} : { metadata: withDescription(metadata, texts['metadata']) }),
      },
    };
  }

  #metadataRef: JsonObject | undefined;

  /** Tells the schema of `metadata`, for the kinds that do not bring one. */
  useMetadata(schema: ObjectSchema): void {
    this.#metadataRef = this.ref(schema);
  }
}

function withDescription(schema: JsonObject, description: string | undefined): JsonObject {
  if (description === undefined) return schema;
  // Beside a reference, OpenAPI 3.0 ignores everything.
  if (schema['$ref'] !== undefined) return { description, allOf: [schema] };
  return { description, ...schema };
}

function listExtensions(type: Extract<FieldType, { kind: 'list' }>): JsonObject {
  const { merge } = type;
  if (merge.kind === 'by-key') {
    return {
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': [...merge.keys],
      'x-kubernetes-patch-merge-key': merge.keys[0],
      'x-kubernetes-patch-strategy': 'merge',
    };
  }
  if (merge.kind === 'atomic') return { 'x-kubernetes-list-type': 'atomic' };
  return { 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' };
}

function formatName(format: 'date-time' | 'micro-time' | 'byte'): string {
  return format === 'byte' ? 'byte' : 'date-time';
}

/** `V1PodSpec` is `io.k8s.v1.PodSpec`: the last part is what `kubectl explain` shows. */
export function componentName(schema: ObjectSchema): string {
  const match = /^([A-Z][a-z]*?)??V(\d+(?:(?:alpha|beta)\d+)?)([A-Z].*)$/.exec(schema.name);
  if (match === null) return schema.name;
  const [, group = '', version = '', name = ''] = match;
  return `io.k8s.${group === '' ? '' : `${group.toLowerCase()}.`}v${version}.${name}`;
}
