import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fieldTypes } from './corrections.ts';

/** One field of a model; `type` in the code that {@link ../src/api/schema/field-table.ts} reads. */
export interface ModelField {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

export interface Model {
  readonly description: string;
  readonly fields: readonly ModelField[];
}

interface Attribute {
  readonly name: string;
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

const clientNode = fileURLToPath(import.meta.resolve('@kubernetes/client-node'));
export const modelFolder = join(dirname(clientNode), 'gen/models');

/** Reads the models named and all that their fields refer to. */
export async function readModels(roots: readonly string[]): Promise<Map<string, Model>> {
  const models = new Map<string, Model>();
  const waiting = [...roots];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (models.has(name)) continue;
    const model = await readModel(name);
    models.set(name, model);
    for (const field of model.fields) {
      const inner = /@(\w+)/.exec(field.type)?.[1];
      if (inner !== undefined) waiting.push(inner);
    }
  }
  return new Map([...models].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function readModel(name: string): Promise<Model> {
  const file = join(modelFolder, name);
  const exports = (await import(pathToFileURL(`${file}.js`).href)) as Record<
    string,
    { getAttributeTypeMap(): Attribute[] }
  >;
  const attributes = exports[name]?.getAttributeTypeMap() ?? [];
  const declaration = readDeclaration(readFileSync(`${file}.d.ts`, 'utf8'), name);
  const fields = attributes.map((attribute): ModelField => {
    const declared = declaration.members.get(attribute.name);
    return {
      name: attribute.baseName,
      type: fieldTypes[`${name}.${attribute.baseName}`] ?? typeCode(attribute.type, attribute.format),
      required: declared?.required ?? false,
      description: declared?.description ?? '',
    };
  });
  return { description: declaration.description, fields };
}

function typeCode(type: string, format: string): string {
  const list = /^Array<(.*)>$/s.exec(type);
  if (list !== null) return `[${typeCode(list[1] ?? '', format)}`;
  const map = /^\{ \[key: string\]: (.*); \}$/s.exec(type);
  if (map !== null) return `{${typeCode(map[1] ?? '', format)}`;
  switch (type) {
    case 'string':
      return format === 'byte' ? 'y' : format === 'int-or-string' ? 'x' : 's';
    case 'number':
      return format === 'int32' ? 'i' : format === 'int64' ? 'l' : 'n';
    case 'boolean':
      return 'b';
    case 'Date':
      return format === 'date-time-micro' ? 'u' : 't';
    case 'V1MicroTime':
    case 'MicroTime':
      return 'u';
    case 'IntOrString':
      return 'x';
    case 'any':
    case 'object':
      return 'a';
    default:
      return `@${type}`;
  }
}

interface Declaration {
  readonly description: string;
  readonly members: Map<string, { readonly required: boolean; readonly description: string }>;
}

/** Reads doc comments and optionality out of a declaration file; the attribute maps have neither. */
function readDeclaration(text: string, name: string): Declaration {
  const at = text.indexOf(`export declare class ${name} {`);
  const before = [...text.slice(0, at).matchAll(/\/\*\*([\s\S]*?)\*\//g)].at(-1)?.[1] ?? '';
  const members: Declaration['members'] = new Map();
  for (const match of text.slice(at).matchAll(/(?:\/\*\*([\s\S]*?)\*\/\s*)?\n\s*'(\w+)'(\??):/g)) {
    const [, comment = '', member = '', optional] = match;
    members.set(member, { required: optional === '', description: plainText(comment) });
  }
  return { description: plainText(before), members };
}

function plainText(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .replaceAll(/\\(['"])/g, '$1')
    .trim();
}
