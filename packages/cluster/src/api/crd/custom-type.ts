import type { FieldType, JsonObject, KubeObject, ObjectSchema } from '@lateen/kube';
import { objectIn, objectsIn, textIn } from '../builtin/default-fields.ts';
import { invalidValue, type FieldError } from '../field-error.ts';
import type { ResourceType, ScalePaths, ServedVersion, Strategy } from '../registry/resource-type.ts';
import { decodeFields, type DecodeFindings } from '../schema/decode-fields.ts';
import { hasPattern, type JsonSchema } from './json-schema.ts';
import { customTable } from './printer-columns.ts';
import { compileSchema, type CompilePattern } from './schema-validator.ts';
import { objectSchemaOf, prune, setSchemaDefaults } from './structural-schema.ts';

/** The type that a CustomResourceDefinition describes. */
export async function customType(crd: KubeObject, metadata: ObjectSchema): Promise<ResourceType> {
  const spec = objectIn(crd, 'spec') ?? {};
  const names = objectIn(spec, 'names') ?? {};
  const group = textIn(spec, 'group');
  const compilePattern = await patternCompiler(spec);
  const all = objectsIn(spec, 'versions').map((version) => ({
    json: version,
    version: servedVersion(group, textIn(names, 'kind'), version, metadata, compilePattern),
  }));
  const stored = all.find(({ json }) => json['storage'] === true) ?? all[0];
  if (stored === undefined) throw new Error(`${crd.metadata.name} has no versions`);
  const kind = textIn(names, 'kind');
  return {
    group,
    kind,
    listKind: textIn(names, 'listKind') || `${kind}List`,
    plural: textIn(names, 'plural'),
    singular: textIn(names, 'singular') || kind.toLowerCase(),
    shortNames: textsIn(names, 'shortNames'),
    categories: textsIn(names, 'categories'),
    namespaced: spec['scope'] === 'Namespaced',
    versions: all.filter(({ json }) => json['served'] === true).map(({ version }) => version),
    stored: stored.version,
    strategy: customStrategy(stored.version, schemaOf(stored.json)),
    custom: true,
  };
}

function textsIn(object: JsonObject, name: string): string[] {
  const value = object[name];
  return Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];
}

function schemaOf(version: JsonObject): JsonSchema {
  return objectIn(objectIn(version, 'schema'), 'openAPIV3Schema') ?? { type: 'object' };
}

function servedVersion(
  group: string,
  kind: string,
  json: JsonObject,
  metadata: ObjectSchema,
  compilePattern: CompilePattern,
): ServedVersion {
  const schema = schemaOf(json);
  const subresources = objectIn(json, 'subresources') ?? {};
  const scale = scalePaths(objectIn(subresources, 'scale'));
  const name = textIn(json, 'name');
  const warning = textIn(json, 'deprecationWarning') || `${group}/${name} ${kind} is deprecated`;
  const metadataType: FieldType = { kind: 'object', schema: metadata };
  const validate = compileSchema(schema, compilePattern);
  return {
    group,
    version: name,
    schema: objectSchemaOf(kind, schema, metadataType),
    publicSchema: schema as JsonObject,
    decode: (object) => decodeCustom(object, schema, metadata),
    validate: (object) => {
      const { apiVersion: _, kind: __, metadata: ___, ...content } = object;
      const errors: FieldError[] = [];
      validate(content, '', errors);
      return errors;
    },
    subresources: {
      status: subresources['status'] !== undefined,
      ...(scale === undefined ? {} : { scale }),
    },
    ...(json['deprecated'] === true ? { deprecation: warning } : {}),
    table: customTable(json),
  };
}

function scalePaths(scale: JsonObject | undefined): ScalePaths | undefined {
  if (scale === undefined) return undefined;
  const selector = textIn(scale, 'labelSelectorPath').replace(/^\./, '');
  return {
    specReplicas: textIn(scale, 'specReplicasPath').replace(/^\./, ''),
    statusReplicas: textIn(scale, 'statusReplicasPath').replace(/^\./, ''),
    ...(selector === '' ? {} : { labelSelector: selector }),
  };
}

function decodeCustom(object: KubeObject, schema: JsonSchema, metadata: ObjectSchema): DecodeFindings {
  const findings: DecodeFindings = { unknown: [], wrong: [] };
  const found = decodeFields(object.metadata as unknown as JsonObject, metadata);
  findings.unknown.push(...found.unknown.map((path) => `metadata.${path}`));
  findings.wrong.push(...found.wrong);
  prune(object, schema, '', findings.unknown);
  return findings;
}

function customStrategy(stored: ServedVersion, schema: JsonSchema): Strategy {
  return {
    setDefaults: (object) => setSchemaDefaults(object, schema),
    validate: (object) => stored.validate?.(object) ?? [],
    validateStatus: (object) => stored.validate?.(object) ?? [],
  };
}

/** Patterns come from users: they are matched in linear time, by a library that is loaded where one is used. */
async function patternCompiler(spec: JsonObject): Promise<CompilePattern> {
  if (!hasPattern(spec)) return () => () => true;
  const { RE2JS } = await import('re2js');
  return (pattern) => {
    const compiled = RE2JS.compile(pattern);
    return (text) => compiled.matcher(text).find();
  };
}

/** What is wrong with the patterns of a definition. */
export async function patternErrors(spec: JsonObject): Promise<FieldError[]> {
  if (!hasPattern(spec)) return [];
  const { RE2JS } = await import('re2js');
  const errors: FieldError[] = [];
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      const at = Array.isArray(value) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
      if (name === 'pattern' && typeof inner === 'string') {
        try {
          RE2JS.compile(inner);
        } catch (error) {
          errors.push(invalidValue(at, inner, error instanceof Error ? error.message : String(error)));
        }
      } else walk(inner, at);
    }
  };
  walk(spec, 'spec');
  return errors;
}
