import type { HeaderMutation as Message } from '@lateen/protocol/envoy/config/common/mutation_rules/v3';
import { HeaderMutation } from '@lateen/protocol/envoy/config/common/mutation_rules/v3';
import type { HeaderOperations } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderAdditions, isProtectedHeader } from './headers.ts';
import type { Scope } from './scope.ts';

const mutationPolicy = fieldPolicy(HeaderMutation, ['remove', 'append']);

export const headerMutationPolicies = [mutationPolicy];

/** Changes of headers, in the order in which they are made. */
export function decodeHeaderMutations(
  scope: Scope,
  list: readonly Message[] | undefined,
): readonly HeaderOperations[] {
  return (list ?? []).map((message, i) => {
    const at = scope.at(i);
    at.check(mutationPolicy, message);
    const { remove, append } = message;
    if (remove !== undefined) {
      if (isProtectedHeader(remove)) at.at('remove').fail(`${remove} cannot be removed`);
      return { add: [], remove: [remove.toLowerCase()] };
    }
    if (append === undefined) at.fail('must have one of remove, append');
    return { add: decodeHeaderAdditions(at.at('append'), append === undefined ? [] : [append]), remove: [] };
  });
}
