/**
 * Builders of the schemas that describe configuration.
 *
 * Each schema is plain JSON Schema (so it becomes the CRD) and carries its TypeScript type (so it is
 * the type). Three keywords of our own say what JSON Schema cannot say well; they stay out of CRDs:
 * `x-duration`, `x-one-of` (groups of fields of which at most one may be set) and `x-replaced-by`.
 */
export type Shape<T> = ShapeKeywords & { readonly [valueType]?: T };

/** Only in types: what a value of the shape is. */
declare const valueType: unique symbol;

/** The TypeScript type that a shape describes. */
export type ShapeOf<S> = S extends { readonly [valueType]?: infer T } ? Exclude<T, undefined> : never;

/** A shape as it is walked: the keywords that are used, all optional. */
export interface ShapeKeywords {
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'array';
  readonly description?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly items?: ShapeKeywords;
  readonly properties?: Readonly<Record<string, ShapeKeywords>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: ShapeKeywords;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-duration'?: true;
  readonly 'x-one-of'?: readonly (readonly string[])[];
  readonly 'x-replaced-by'?: string;
}

/** A string. */
export function text(
  description: string,
  options: Pick<ShapeKeywords, 'minLength' | 'maxLength'> = {},
): Shape<string> {
  return { type: 'string', description, ...options };
}

/** A boolean. */
export function flag(description: string): Shape<boolean> {
  return { type: 'boolean', description };
}

/** A whole number; from 0 to 2^32-1 unless said otherwise. */
export function whole(description: string, minimum = 0, maximum = 4_294_967_295): Shape<number> {
  return { type: 'integer', description, minimum, maximum };
}

/** A number with a fraction. */
export function decimal(description: string, minimum?: number, maximum?: number): Shape<number> {
  return {
    type: 'number',
    description,
    format: 'double',
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
  };
}

/** A port number. */
export function portNumber(description: string): Shape<number> {
  return whole(description, 1, 65_535);
}

/** A length of time as text, such as `7s`, `1.5h`, `250ms`. */
export function duration(description: string): Shape<string> {
  return { type: 'string', description, 'x-duration': true };
}

/** One of some names. */
export function choice<const V extends string>(description: string, values: readonly V[]): Shape<V> {
  return { type: 'string', description, enum: values };
}

/** A list. */
export function list<S extends AnyShape>(
  description: string,
  items: S,
  options: Pick<ShapeKeywords, 'minItems'> = {},
): Shape<readonly ShapeOf<S>[]> {
  return { type: 'array', description, items, ...options };
}

/** A map from names to values of one shape. */
export function map<S extends AnyShape>(
  description: string,
  values: S,
): Shape<Readonly<Record<string, ShapeOf<S>>>> {
  return { type: 'object', description, additionalProperties: values };
}

/** Any JSON object, kept as it is. */
export function anyObject(description: string): Shape<Readonly<Record<string, unknown>>> {
  return { type: 'object', description, 'x-kubernetes-preserve-unknown-fields': true };
}

/** A number or a string, such as a port by number or name. */
export function intOrText(description: string): Shape<number | string> {
  return { description, 'x-kubernetes-int-or-string': true };
}

/** A shape of whatever type. */
type AnyShape = Shape<unknown>;

type Fields = Readonly<Record<string, AnyShape>>;
type MessageOf<F extends Fields, R extends keyof F> = {
  readonly [K in R]: ShapeOf<F[K]>;
} & { readonly [K in Exclude<keyof F, R>]?: ShapeOf<F[K]> };

/** An object with known fields; all optional but those in `required`. */
export function message<const F extends Fields, const R extends keyof F & string = never>(
  description: string,
  fields: F,
  options: {
    readonly required?: readonly R[];
    readonly oneOf?: readonly (readonly (keyof F & string)[])[];
  } = {},
): Shape<MessageOf<F, R>> {
  return {
    type: 'object',
    description,
    properties: fields,
    ...(options.required === undefined ? {} : { required: options.required }),
    ...(options.oneOf === undefined ? {} : { 'x-one-of': options.oneOf }),
  };
}

/** The same shape with another description, for a field that uses a shared one. */
export function described<T>(shared: Shape<T>, description: string): Shape<T> {
  return { ...shared, description };
}

/** A field that still works but has a successor, named as a path beside it. */
export function replaced<T>(old: Shape<T>, by: string): Shape<T> {
  return {
    ...old,
    description: `${old.description ?? ''} Deprecated: use ${by}.`,
    'x-replaced-by': by,
  };
}
