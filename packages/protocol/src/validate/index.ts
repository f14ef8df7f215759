import { validationRules } from '@lateen/protocol/validation-rules';
import { createValidator, type Validator } from './validator.ts';

/** A validator for Envoy's messages, by the constraints in their .proto files. */
export function createMessageValidator(): Validator {
  return createValidator(validationRules);
}

export type { Validator } from './validator.ts';
