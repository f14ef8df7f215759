/** The constraints of one value, by the kind of the value, as `validate.rules` writes them. */
export interface FieldRules {
  readonly message?: { readonly required?: boolean; readonly skip?: boolean };
  readonly string?: StringRules;
  readonly bytes?: LengthRules;
  readonly bool?: { readonly const?: boolean };
  readonly enum?: EnumRules;
  readonly repeated?: RepeatedRules;
  readonly map?: MapRules;
  readonly duration?: RangeRules & { readonly required?: boolean };
  readonly any?: { readonly required?: boolean };
  readonly double?: RangeRules;
  readonly float?: RangeRules;
  readonly int32?: RangeRules;
  readonly int64?: RangeRules;
  readonly uint32?: RangeRules;
  readonly uint64?: RangeRules;
}

/** Lengths of text in characters, of bytes in bytes; 64-bit numbers are text in protobuf's JSON. */
export interface LengthRules {
  readonly minLen?: string;
  readonly maxLen?: string;
}

export interface StringRules extends LengthRules {
  readonly minBytes?: string;
  readonly maxBytes?: string;
  readonly pattern?: string;
  readonly in?: readonly string[];
  readonly wellKnownRegex?: 'HTTP_HEADER_NAME' | 'HTTP_HEADER_VALUE';
  /** Default true. */
  readonly strict?: boolean;
  readonly ignoreEmpty?: boolean;
}

export interface EnumRules {
  readonly definedOnly?: boolean;
  readonly in?: readonly number[];
  readonly notIn?: readonly number[];
}

/** Bounds: numbers, text of 64-bit numbers, or text of durations. */
export interface RangeRules {
  readonly gt?: number | string;
  readonly gte?: number | string;
  readonly lt?: number | string;
  readonly lte?: number | string;
}

export interface RepeatedRules {
  readonly minItems?: string;
  readonly maxItems?: string;
  readonly unique?: boolean;
  readonly items?: FieldRules;
}

export interface MapRules {
  readonly minPairs?: string;
  readonly maxPairs?: string;
  readonly keys?: FieldRules;
  readonly values?: FieldRules;
}

/** The constraints of one message type. */
export interface MessageRules {
  readonly fields?: Readonly<Record<string, FieldRules>>;
  /** Oneofs of which a member must be set. */
  readonly oneofs?: readonly string[];
}
