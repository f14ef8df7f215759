/** The type of one value in an object, as far as patches and decoding need it. */
export type FieldType =
  | { readonly kind: 'string'; readonly format?: 'date-time' | 'micro-time' | 'byte' }
  | { readonly kind: 'integer'; readonly format: 'int32' | 'int64' }
  | { readonly kind: 'number' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'quantity' }
  | { readonly kind: 'int-or-string' }
  | { readonly kind: 'list'; readonly items: FieldType; readonly merge: ListMerge }
  | { readonly kind: 'map'; readonly values: FieldType; readonly atomic?: boolean }
  | { readonly kind: 'object'; readonly schema: ObjectSchema; readonly atomic?: boolean }
  /** Anything at all; objects in it are merged field by field, lists replaced. */
  | { readonly kind: 'any' };

/** How two versions of a list become one. */
export type ListMerge =
  /** The new one replaces the old one. */
  | { readonly kind: 'atomic' }
  /** Scalars, each at most once. */
  | { readonly kind: 'set' }
  /** Objects that are the same where these fields are. */
  | {
      readonly kind: 'by-key';
      /** The first alone is the key of a strategic merge patch. */
      readonly keys: readonly string[];
      /** Values of keys that may be left out. */
      readonly keyDefaults?: Readonly<Record<string, string | number>>;
    };

/** The fields of an object; looked up one at a time, because schemas may refer to themselves. */
export interface ObjectSchema {
  readonly name: string;
  field(name: string): FieldType | undefined;
  fieldNames(): readonly string[];
  required(): readonly string[];
  /** Fields that are not named are kept as they are. */
  readonly open: boolean;
}

/** The type of a field, or `any` where the schema does not know it. */
export function fieldTypeIn(type: FieldType, name: string): FieldType {
  if (type.kind === 'object') return type.schema.field(name) ?? anyType;
  return type.kind === 'map' ? type.values : anyType;
}

export const anyType: FieldType = { kind: 'any' };
export const atomicList: ListMerge = { kind: 'atomic' };
