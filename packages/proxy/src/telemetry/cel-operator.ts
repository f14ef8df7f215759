import { messageOf, ok, problem, type Result } from '@lateen/core';
import { celRoots, type CelContext } from './cel/cel-attributes.ts';
import { compileCel, type CelProgram } from './cel/cel-evaluation.ts';
import type { Operator } from './format-operator.ts';

/** `%CEL(expression)%`; a map, and what cannot be worked out, is nothing. */
export function celOperator(text: string): Result<Operator> {
  let program: CelProgram<CelContext>;
  try {
    program = compileCel(text, celRoots);
  } catch (error) {
    return problem('', `%CEL(${text})%: ${messageOf(error)}`);
  }
  return ok((info) => {
    const value = program({ info, peers: undefined, node: undefined });
    if (typeof value === 'string' || typeof value === 'number') return value;
    if (Array.isArray(value)) return JSON.stringify(value);
    return typeof value === 'boolean' ? String(value) : undefined;
  });
}
