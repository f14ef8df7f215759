import type { Problem } from '@lateen/core';
import type { HttpFilter } from '../model/http-filter.ts';
import { corsFilter } from './cors.ts';
import { faultFilter } from './fault.ts';
import type { CompiledHttpFilter } from './http-filter.ts';

/** The filters of a chain that have something to do, in order; what cannot be enforced here becomes a problem. */
export function compileHttpFilters(
  filters: readonly HttpFilter[],
  path: string,
  problems: Problem[],
): CompiledHttpFilter[] {
  const compiled: CompiledHttpFilter[] = [];
  if (filters.at(-1)?.config.kind !== 'router') {
    problems.push({ path, message: 'the last HTTP filter must be the router' });
  }
  filters.forEach(({ name, config, disabled }, i) => {
    if (disabled) return;
    switch (config.kind) {
      case 'cors':
        compiled.push(corsFilter(name, config.policy));
        break;
      case 'fault':
        compiled.push(faultFilter(name, config.policy));
        break;
      case 'rbac':
      case 'local_rate_limit':
        // To let pass what was to be refused would be worse than to refuse the configuration.
        problems.push({ path: `${path}[${i}]`, message: `the HTTP filter "${name}" is not supported` });
        break;
      default:
    }
  });
  return compiled;
}
