import {
  getOption,
  hasOption,
  toJson,
  type DescExtension,
  type DescFile,
  type FileRegistry,
} from '@bufbuild/protobuf';
import type { Output } from './emit-package.ts';
import { generatedHead, messagesOf } from './module-names.ts';

/** Writes the constraints that the .proto files carry as `validate` options, by message and field. */
export function emitValidationRules(files: readonly DescFile[], registry: FileRegistry): Output[] {
  const extension = (name: string): DescExtension => {
    const found = registry.getExtension(`validate.${name}`);
    if (found === undefined) throw new Error(`validate.proto has no extension ${name}`);
    return found;
  };
  const fieldRules = extension('rules');
  const oneofRequired = extension('required');
  const disabled = extension('disabled');
  const types: Record<string, { fields?: Record<string, unknown>; oneofs?: readonly string[] }> = {};
  for (const file of files) {
    for (const message of messagesOf(file)) {
      if (hasOption(message, disabled) && getOption(message, disabled) === true) continue;
      const fields: Record<string, unknown> = {};
      for (const field of message.fields) {
        if (!hasOption(field, fieldRules)) continue;
        const rules = getOption(field, fieldRules);
        if (fieldRules.message === undefined) throw new Error('validate.rules is not a message');
        fields[field.jsonName] = toJson(fieldRules.message, rules as never);
      }
      const oneofs = message.oneofs.filter((o) => hasOption(o, oneofRequired)).map((o) => o.name);
      if (Object.keys(fields).length === 0 && oneofs.length === 0) continue;
      types[message.typeName] = {
        ...(Object.keys(fields).length === 0 ? {} : { fields }),
        ...(oneofs.length === 0 ? {} : { oneofs }),
      };
    }
  }
  return [
    {
      path: 'validation-rules.js',
      // Text by type, parsed when a type is first checked: a proxy meets a tenth of them.
      text: [
        generatedHead,
        'const rules = {',
        ...Object.entries(types).map(
          ([name, rules]) => `  '${name}': ${JSON.stringify(JSON.stringify(rules))},`,
        ),
        '};',
        'export const validationRules = (typeName) =>',
        '  Object.hasOwn(rules, typeName) ? JSON.parse(rules[typeName]) : undefined;',
        '',
      ].join('\n'),
    },
    {
      path: 'validation-rules.d.ts',
      text: [
        generatedHead,
        `import type { ValidationRules } from '../src/validate/validation-rules.ts';`,
        '/** The constraints of a message type; undefined where it has none. */',
        'export declare const validationRules: ValidationRules;',
        '',
      ].join('\n'),
    },
  ];
}
