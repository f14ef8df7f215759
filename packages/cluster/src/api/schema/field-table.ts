import { atomicList, type FieldType, type ObjectSchema } from '@lateen/kube';
import { fieldTable } from '../../../gen/field-table.ts';
import { atomicMaps, atomicModels, listMerges } from './list-merges.ts';

interface ModelEntry {
  /** Type codes by field. */
  readonly f: Readonly<Record<string, string>>;
  /** Fields that must be there. */
  readonly r?: readonly string[];
}

const stringType: FieldType = { kind: 'string' };
const scalars: Readonly<Record<string, FieldType>> = {
  s: stringType,
  y: { kind: 'string', format: 'byte' },
  t: { kind: 'string', format: 'date-time' },
  u: { kind: 'string', format: 'micro-time' },
  i: { kind: 'integer', format: 'int32' },
  l: { kind: 'integer', format: 'int64' },
  n: { kind: 'number' },
  b: { kind: 'boolean' },
  q: { kind: 'quantity' },
  x: { kind: 'int-or-string' },
  a: { kind: 'any' },
};

/** Schemas of the built-in kinds, read from the generated table when a field is first looked at. */
export class FieldTable {
  readonly #models = JSON.parse(fieldTable) as Record<string, ModelEntry>;
  readonly #schemas = new Map<string, ObjectSchema>();

  /** The schema of a model such as `V1Pod`. Throws where there is none. */
  schema(model: string): ObjectSchema {
    let schema = this.#schemas.get(model);
    if (schema === undefined) this.#schemas.set(model, (schema = this.#build(model)));
    return schema;
  }

  #build(model: string): ObjectSchema {
    const entry = this.#models[model];
    if (entry === undefined) throw new Error(`no model ${model} in the generated table`);
    const names = Object.keys(entry.f);
    const types = new Map<string, FieldType>();
    return {
      name: model,
      field: (name) => {
        const known = types.get(name);
        if (known !== undefined) return known;
        const code = Object.hasOwn(entry.f, name) ? entry.f[name] : undefined;
        if (code === undefined) return undefined;
        const type = this.#type(code, `${model}.${name}`);
        types.set(name, type);
        return type;
      },
      fieldNames: () => names,
      required: () => entry.r ?? [],
      open: false,
    };
  }

  #type(code: string, place: string): FieldType {
    const inner = code.slice(1);
    switch (code[0]) {
      case '[':
        return {
          kind: 'list',
          items: this.#type(inner, `${place}[]`),
          merge: listMerges[place] ?? atomicList,
        };
      case '{':
        return {
          kind: 'map',
          values: this.#type(inner, `${place}{}`),
          ...(atomicMaps.has(place) ? { atomic: true } : {}),
        };
      case '@':
        return {
          kind: 'object',
          schema: this.schema(inner),
          ...(atomicModels.has(inner) ? { atomic: true } : {}),
        };
      default:
        return scalars[code] ?? stringType;
    }
  }
}
