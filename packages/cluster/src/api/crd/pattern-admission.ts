import type { AdmissionPlugin } from '../admission/admission.ts';
import { objectIn } from '../builtin/default-fields.ts';
import { invalid } from '../status.ts';
import { patternErrors } from './custom-type.ts';

/** Refuses definitions with patterns that cannot be compiled; to find out takes a library that is loaded when needed. */
export const patternAdmission: AdmissionPlugin = {
  name: 'CustomResourceDefinitionPatterns',
  async validate({ type, object, name, subresource }) {
    if (type.kind !== 'CustomResourceDefinition' || subresource !== '') return;
    const errors = await patternErrors(objectIn(object, 'spec') ?? {});
    if (errors.length > 0) throw invalid(type, name, errors);
  },
};
