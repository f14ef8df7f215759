/** What a span tells of one side of a request. */
export interface Span {
  readonly traceId: string;
  readonly id: string;
  readonly parentId: string | undefined;
  /** Its id is also that of the client's span. */
  readonly shared: boolean;
  readonly kind: 'client' | 'server';
  name: string;
  /** Microseconds since the epoch. */
  readonly startUs: number;
  durationUs: number;
  readonly tags: [name: string, value: string][];
  readonly state: string | undefined;
}
