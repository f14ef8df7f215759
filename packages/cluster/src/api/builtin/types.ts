import { decodeFields } from '../schema/decode-fields.ts';
import type { FieldTable } from '../schema/field-table.ts';
import type { ObjectSchema } from '@lateen/kube';
import { openSchema } from '../schema/open-schema.ts';
import type { ResourceType, ServedVersion } from '../registry/resource-type.ts';
import { builtinTable } from '../print/builtin-tables.ts';
import { conversionOf } from './conversions.ts';
import { definitions, openModel, type Alias, type Definition } from './definitions.ts';
import { strategyOf } from './strategies.ts';

/** The built-in kinds as the registry wants them. */
export function builtinTypes(table: FieldTable): ResourceType[] {
  return definitions.map((definition) => typeOf(definition, table));
}

function typeOf(definition: Definition, table: FieldTable): ResourceType {
  const model = definition.model ?? `V1${definition.kind}`;
  const stored = servedVersion(definition, definition, table.schema(model));
  const aliases = (definition.aliases ?? []).map(
    (alias): ServedVersion => ({
      ...servedVersion(definition, alias, aliasSchema(alias, definition, table)),
      ...conversionOf(definition.kind, alias),
      ...(alias.deprecation === undefined ? {} : { deprecation: alias.deprecation }),
    }),
  );
  return {
    group: definition.group,
    kind: definition.kind,
    listKind: `${definition.kind}List`,
    plural: definition.plural,
    singular: definition.singular,
    shortNames: definition.shortNames ?? [],
    categories: definition.categories ?? [],
    namespaced: definition.namespaced ?? true,
    versions: [stored, ...aliases],
    stored,
    strategy: strategyOf(definition),
    ...(definition.verbs === undefined ? {} : { verbs: definition.verbs }),
    ...(definition.notice === undefined ? {} : { notice: definition.notice }),
    custom: false,
  };
}

function aliasSchema(alias: Alias, definition: Definition, table: FieldTable): ObjectSchema {
  if (alias.model === openModel) return openSchema(`V1${definition.kind}`);
  return table.schema(alias.model ?? `V1${definition.kind}`);
}

function servedVersion(
  definition: Definition,
  at: { readonly group: string; readonly version: string },
  schema: ObjectSchema,
): ServedVersion {
  return {
    group: at.group,
    version: at.version,
    schema,
    decode: (object) => decodeFields(object, schema),
    subresources: {
      status: definition.status ?? false,
      ...(definition.scale === undefined ? {} : { scale: definition.scale }),
      ...(definition.others === undefined ? {} : { others: definition.others }),
    },
    table: builtinTable(definition.plural),
  };
}
