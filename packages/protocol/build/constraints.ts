import {
  getOption,
  hasOption,
  toJson,
  type DescExtension,
  type DescMessage,
  type FileRegistry,
} from '@bufbuild/protobuf';

/** The constraints of a message as JSON text (`MessageRules` of src/validate); undefined where it has none. */
export type ConstraintReader = (message: DescMessage) => string | undefined;

/** Reads the constraints that .proto files carry as options of protoc-gen-validate. */
export function constraintReader(registry: FileRegistry): ConstraintReader {
  const extension = (name: string): DescExtension => {
    const found = registry.getExtension(`validate.${name}`);
    if (found === undefined) throw new Error(`validate.proto has no extension ${name}`);
    return found;
  };
  const fieldRules = extension('rules');
  const oneofRequired = extension('required');
  const disabled = extension('disabled');
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
