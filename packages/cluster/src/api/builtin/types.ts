import { openSchema } from '../schema/open-schema.ts';
import type { ResourceType, ServedVersion } from '../registry/resource-type.ts';
import { nameAndAge } from '../print/name-and-age.ts';
import { definitions, type Definition } from './definitions.ts';
import { strategyOf } from './strategies.ts';

/** The built-in kinds as the registry wants them. */
export function builtinTypes(): ResourceType[] {
  return definitions.map(typeOf);
}

function typeOf(definition: Definition): ResourceType {
  const stored = servedVersion(definition, definition.group, definition.version);
  const aliases = (definition.aliases ?? []).map(
    (alias): ServedVersion => ({
      ...servedVersion(definition, alias.group, alias.version),
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
    custom: false,
  };
}

function servedVersion(definition: Definition, group: string, version: string): ServedVersion {
  return {
    group,
    version,
    schema: openSchema(definition.kind),
    subresources: {
      status: definition.status ?? false,
      ...(definition.scale === undefined ? {} : { scale: definition.scale }),
      ...(definition.others === undefined ? {} : { others: definition.others }),
    },
    table: nameAndAge,
  };
}
