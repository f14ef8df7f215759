import {
  getOption,
  hasOption,
  toJson,
  type DescExtension,
  type DescField,
  type DescMessage,
  type FileRegistry,
} from '@bufbuild/protobuf';

/** Reads what .proto files say besides the types of fields. */
export interface OptionReaders {
  /** The constraints of a message as JSON text (`MessageRules` of src/validate); undefined where it has none. */
  constraintsOf(message: DescMessage): string | undefined;
  /** True for a field that must not be shown, such as a private key. */
  isSensitive(field: DescField): boolean;
}

/** Reads the options of protoc-gen-validate and of udpa's annotations. */
export function optionReaders(registry: FileRegistry): OptionReaders {
  const extension = (name: string): DescExtension => {
    const found = registry.getExtension(name);
    if (found === undefined) throw new Error(`no .proto file has the extension ${name}`);
    return found;
  };
  const sensitive = extension('udpa.annotations.sensitive');
  return {
    constraintsOf: constraintReader(extension),
    isSensitive: (field) => hasOption(field, sensitive) && getOption(field, sensitive) === true,
  };
}

function constraintReader(extension: (name: string) => DescExtension): OptionReaders['constraintsOf'] {
  const fieldRules = extension('validate.rules');
  const oneofRequired = extension('validate.required');
  const disabled = extension('validate.disabled');
  const rulesType = fieldRules.message;
  if (rulesType === undefined) throw new Error('validate.rules is not a message');
  return (message) => {
    if (hasOption(message, disabled) && getOption(message, disabled) === true) return undefined;
    const fields: Record<string, unknown> = {};
    for (const field of message.fields) {
      if (hasOption(field, fieldRules)) {
        fields[field.jsonName] = toJson(rulesType, getOption(field, fieldRules) as never);
      }
    }
    const oneofs = message.oneofs
      .filter((oneof) => hasOption(oneof, oneofRequired))
      .map((oneof) => oneof.name);
    const rules = {
      ...(Object.keys(fields).length === 0 ? {} : { fields }),
      ...(oneofs.length === 0 ? {} : { oneofs }),
    };
    return Object.keys(rules).length === 0 ? undefined : JSON.stringify(rules);
  };
}
