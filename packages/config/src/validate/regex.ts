import { messageOf } from '@lateen/core';
import { RE2JS } from 're2js';
import type { Report } from '../schema/check-shape.ts';

/** Longest expression that is accepted. */
const maxLength = 1024;
/** Most steps that an expression may be compiled to: a{1000} repeated would cost each proxy tens of megabytes. */
const maxSteps = 10_000;

/** Reports an expression that RE2 does not accept; what RE2 accepts is matched in linear time. */
export function checkRegex(expression: string, path: string, report: Report): void {
  if (expression === '') {
    report(path, 'must not be empty');
    return;
  }
  if (expression.length > maxLength) {
    report(path, `must be at most ${maxLength} characters long, not ${expression.length}`);
    return;
  }
  try {
    const steps = RE2JS.compile(expression).programSize();
    if (steps > maxSteps)
      report(path, `is too large: it takes ${steps} steps, at most ${maxSteps} are allowed`);
  } catch (error) {
    const why = messageOf(error).replace(/^error parsing regexp: /, '');
    report(
      path,
      `is not a regular expression of RE2, which has no look-around and no back-references: ${why}`,
    );
  }
}
