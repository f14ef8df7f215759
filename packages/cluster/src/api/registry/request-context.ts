/** Who makes a request. */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What becomes of fields that the schema does not know, or that appear twice. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** All that a write needs to know about the request around it. */
export interface RequestContext {
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** Who owns what is written, for `metadata.managedFields`; empty: the writer keeps no account. */
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  /** The object comes with its accounts: a server-side apply has kept them. */
  readonly applied?: boolean;
  /** Fields that the text of the request named twice. */
  readonly duplicateFields?: readonly string[];
  /** Sends the client a Warning beside the answer. */
  warn(text: string): void;
}
