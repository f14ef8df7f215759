import { messageOf } from '@lateen/core';
import { celRoots } from '../telemetry/cel/cel-attributes.ts';
import { compileCel } from '../telemetry/cel/cel-evaluation.ts';
import type { Scope } from './scope.ts';

/** Refuses what is no expression of CEL, or asks for what is not known here. */
export function checkExpression(scope: Scope, text: string): void {
  try {
    compileCel(text, celRoots);
  } catch (error) {
    scope.fail(`is no expression that can be worked out: ${messageOf(error)}`);
  }
}
