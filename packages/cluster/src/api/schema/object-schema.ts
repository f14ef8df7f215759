/** The type of one value in an object. */
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
  /** Anything at all. */
  | { readonly kind: 'any' };

/** How two versions of a list become one. */
export type ListMerge =
  | { readonly kind: 'atomic' }
  | { readonly kind: 'set' }
  | { readonly kind: 'by-key'; readonly keys: readonly string[] };

/** The fields of an object; looked up lazily, because schemas may refer to themselves. */
export interface ObjectSchema {
  readonly name: string;
  field(name: string): FieldType | undefined;
  fieldNames(): readonly string[];
  required(): readonly string[];
  /** Fields that are not named are kept as they are. */
  readonly open: boolean;
}
