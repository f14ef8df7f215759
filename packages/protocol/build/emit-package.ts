import {
  ScalarType,
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescService,
} from '@bufbuild/protobuf';
import { jsonNameOf, type ScalarName } from '../src/codec/message-type.ts';
import type { OptionReaders } from './options.ts';
import { enumsOf, generatedHead, importAlias, localName, messagesOf, modulePath } from './module-names.ts';
import { wellKnownNotes, wellKnownShapes } from './well-known-shapes.ts';

/** One file to write, relative to gen/. */
export interface Output {
  readonly path: string;
  readonly text: string;
}

const wellKnownPackage = 'google.protobuf';

const scalarNames: Readonly<Record<ScalarType, ScalarName>> = {
  [ScalarType.DOUBLE]: 'double',
  [ScalarType.FLOAT]: 'float',
  [ScalarType.INT64]: 'int64',
  [ScalarType.UINT64]: 'uint64',
  [ScalarType.INT32]: 'int32',
  [ScalarType.FIXED64]: 'fixed64',
  [ScalarType.FIXED32]: 'fixed32',
  [ScalarType.BOOL]: 'bool',
  [ScalarType.STRING]: 'string',
  [ScalarType.BYTES]: 'bytes',
  [ScalarType.UINT32]: 'uint32',
  [ScalarType.SFIXED32]: 'sfixed32',
  [ScalarType.SFIXED64]: 'sfixed64',
  [ScalarType.SINT32]: 'sint32',
  [ScalarType.SINT64]: 'sint64',
};

/** Writes the module of one protobuf package: tables in .js, interfaces in .d.ts. */
export class PackageEmitter {
  readonly #name: string;
  readonly #files: readonly DescFile[];
  readonly #options: OptionReaders;
  readonly #imports = new Set<string>();

  constructor(name: string, files: readonly DescFile[], options: OptionReaders) {
    this.#name = name;
    this.#files = files;
    this.#options = options;
  }

  emit(): Output[] {
    const js: string[] = [];
    const types: string[] = [];
    for (const file of this.#files) {
      for (const desc of enumsOf(file)) this.#enum(desc, js, types);
      for (const desc of messagesOf(file)) this.#message(desc, js, types);
      for (const desc of file.services) this.#service(desc, js, types);
    }
    const up = '../'.repeat(this.#name.split('.').length);
    const imports = [...this.#imports].sort();
    const from = (name: string, extension: string): string =>
      name === wellKnownPackage
        ? `${up}src/codec/well-known.ts`
        : `${up.slice(3) === '' ? './' : up.slice(3)}${modulePath(name)}${extension}`;
    return [
      {
        path: `${modulePath(this.#name)}.js`,
        text: [
          generatedHead,
          `import { enumeration as $enum, message as $message } from '${up}src/codec/message-type.ts';`,
          `import { method as $method } from '${up}src/codec/service-type.ts';`,
          ...imports.map((name) => `import * as ${importAlias(name)} from '${from(name, '.js')}';`),
          ...js,
          '',
        ].join('\n'),
      },
      {
        path: `${modulePath(this.#name)}.d.ts`,
        text: [
          generatedHead,
          `import type * as $codec from '${up}src/index.ts';`,
          ...imports
            .filter((name) => name !== wellKnownPackage)
            .map((name) => `import type * as ${importAlias(name)} from '${from(name, '.js')}';`),
          ...types,
          '',
        ].join('\n'),
      },
    ];
  }

  #enum(desc: DescEnum, js: string[], types: string[]): void {
    const name = localName(desc);
    const values = desc.values.map((value) => `${value.name}=${value.number}`).join(' ');
    js.push(`export const ${name} = /* @__PURE__ */ $enum('${desc.typeName}', '${values}');`);
    const names = desc.values.map((value) => `'${value.name}'`).join(' | ');
    types.push(
      `/** ${desc.typeName}; a value that is not known stays a number. */`,
      `export type ${name} = ${names} | number;`,
      `export declare const ${name}: $codec.EnumType<${names}>;`,
    );
  }

  #message(desc: DescMessage, js: string[], types: string[]): void {
    const name = localName(desc);
    const refs: string[] = [];
    const entries = desc.fields.map((field) => this.#fieldEntry(field, refs));
    const constraints = this.#options.constraintsOf(desc);
    const args = [
      `'${desc.typeName}'`,
      `'${entries.join(' ')}'`,
      refs.length === 0 ? 'undefined' : `() => [${refs.join(', ')}]`,
      constraints === undefined ? 'undefined' : JSON.stringify(constraints),
    ];
    while (args.at(-1) === 'undefined') args.pop();
    js.push(`export const ${name} = /* @__PURE__ */ $message(${args.join(', ')});`);
    types.push(
      `/** ${desc.typeName} */`,
      `export interface ${name} {`,
      ...desc.fields.map((field) => this.#fieldType(field)),
      '}',
      `export declare const ${name}: $codec.MessageType<${name}>;`,
    );
  }

  #service(desc: DescService, js: string[], types: string[]): void {
    js.push(`export const ${desc.name} = {`);
    types.push(`/** ${desc.typeName} */`, `export declare const ${desc.name}: {`);
    const kinds = {
      unary: 'unary',
      client_streaming: 'client-streaming',
      server_streaming: 'server-streaming',
      bidi_streaming: 'bidi',
    } as const;
    for (const method of desc.methods) {
      const request = this.#ref(method.input);
      const response = this.#ref(method.output);
      const path = `/${desc.typeName}/${method.name}`;
      js.push(
        `  ${method.localName}: /* @__PURE__ */ $method('${path}', '${kinds[method.methodKind]}', () => [${request}, ${response}]),`,
      );
      types.push(
        `  readonly ${method.localName}: $codec.MethodType<${this.#typeOf(method.input)}, ${this.#typeOf(method.output)}>;`,
      );
    }
    js.push('};');
    types.push('};');
  }

  /** The entry of the field table; see `message` in src/codec/message-type.ts. */
  #fieldEntry(field: DescField, refs: string[]): string {
    if (jsonNameOf(field.name) !== field.jsonName) {
      throw new Error(
        `${field.parent.typeName}.${field.name} has a JSON name of its own, which tables cannot say`,
      );
    }
    const refer = (desc: DescMessage | DescEnum): string => {
      const ref = this.#ref(desc);
      const index = refs.indexOf(ref);
      return String(index === -1 ? refs.push(ref) - 1 : index);
    };
    const valueOf = (message?: DescMessage, enumeration?: DescEnum, scalar?: ScalarType): string => {
      const desc = message ?? enumeration;
      return desc === undefined ? scalarNames[scalar as ScalarType] : refer(desc);
    };
    let type = valueOf(field.message, field.enum, field.scalar);
    if (field.fieldKind === 'list') type += '*';
    else if (field.fieldKind === 'map') type += `{${scalarNames[field.mapKey]}}`;
    else if (field.oneof !== undefined) type += `|${field.oneof.name}`;
    else if (field.proto.proto3Optional) type += '?';
    if (this.#options.isSensitive(field)) type += '!';
    return `${field.name}:${field.number}:${type}`;
  }

  #fieldType(field: DescField): string {
    const desc = field.message ?? field.enum;
    const value = desc === undefined ? shapeOfScalar(field.scalar as ScalarType) : this.#typeOf(desc);
    const notes: string[] = [];
    if (desc?.file.proto.package === wellKnownPackage && desc.name in wellKnownNotes) {
      notes.push(wellKnownNotes[desc.name] ?? '');
    }
    if (field.fieldKind === 'enum' && field.oneof === undefined && !field.proto.proto3Optional) {
      notes.push(`absent: ${field.enum.values.find((v) => v.number === 0)?.name ?? '0'}`);
    }
    if (field.oneof !== undefined) notes.push(`oneof ${field.oneof.name}`);
    if (field.proto.options?.deprecated === true) notes.push('@deprecated');
    const element = value.includes('|') || value.startsWith('readonly ') ? `(${value})` : value;
    const shape =
      field.fieldKind === 'list'
        ? `readonly ${element}[]`
        : field.fieldKind === 'map'
          ? `Readonly<Record<string, ${value}>>`
          : value;
    const comment = notes.length === 0 ? '' : `  /** ${notes.join('; ')} */\n`;
    return `${comment}  readonly ${field.jsonName}?: ${shape} | undefined;`;
  }

  /** The value that stands for a type, in this module. */
  #ref(desc: DescMessage | DescEnum): string {
    const owner = desc.file.proto.package;
    if (owner === this.#name) return localName(desc);
    this.#imports.add(owner);
    return `${importAlias(owner)}.${localName(desc)}`;
  }

  #typeOf(desc: DescMessage | DescEnum): string {
    if (desc.file.proto.package !== wellKnownPackage) return this.#ref(desc);
    const shape = wellKnownShapes[desc.name];
    if (shape === undefined) throw new Error(`no shape for ${desc.typeName}`);
    return shape;
  }
}

function shapeOfScalar(scalar: ScalarType): string {
  if (scalar === ScalarType.STRING) return 'string';
  if (scalar === ScalarType.BOOL) return 'boolean';
  return scalar === ScalarType.BYTES ? 'Uint8Array' : 'number';
}
