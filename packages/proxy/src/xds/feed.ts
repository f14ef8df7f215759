/** One way by which resources of a kind come, kept open as long as something is wanted of it. */
export interface Feed {
  /** Sets the names that are wanted; not used for kinds that are wanted whole. */
  want(names: ReadonlySet<string>): void;
  close(): void;
}
