/** Values of plain JSON, as in protobuf's Struct. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** Envoy's filter metadata: namespace (`envoy.lb`, `istio`) -> key -> value. */
export type Metadata = Readonly<Record<string, { readonly [key: string]: JsonValue }>>;
