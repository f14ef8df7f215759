import { createValidator, type Validator } from './validator.ts';

/**
 * Checks Envoy's messages by the constraints in their .proto files. Holds only what it has worked out of them,
 * which is the same for everybody.
 */
export const messageValidator: Validator = createValidator();

export type { Validator } from './validator.ts';
