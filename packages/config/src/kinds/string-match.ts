import { message, text, type ShapeOf } from '../schema/shape.ts';

/** Matches a string in one of three ways; none set matches any value that is present. */
export const stringMatch = message(
  'How a string is matched.',
  {
    exact: text('Equal to this, case included.'),
    prefix: text('Starts with this.'),
    regex: text('Matched as a whole by this RE2 expression.'),
  },
  { oneOf: [['exact', 'prefix', 'regex']] },
);
export type StringMatch = ShapeOf<typeof stringMatch>;
