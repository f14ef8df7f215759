import type { AnyMessageType, MessageType } from '@lateen/protocol';

/**
 * What the proxy does with each field of a message type: honour it, ignore it for a reason that
 * operators can read, or (every other field) refuse the resource that sets it.
 */
export interface FieldPolicy<T> {
  readonly type: MessageType<T>;
  readonly honoured: ReadonlySet<string>;
  /** Reason by field. */
  readonly ignored: ReadonlyMap<string, string>;
}

/** A policy where the shape of its message does not matter. */
export interface AnyFieldPolicy {
  readonly type: AnyMessageType;
  readonly honoured: ReadonlySet<string>;
  readonly ignored: ReadonlyMap<string, string>;
}

/** Declares a policy; names are checked by the compiler. */
export function fieldPolicy<T>(
  type: MessageType<T>,
  honoured: readonly (keyof T & string)[],
  ignored: { readonly [key in keyof T & string]?: string } = {},
): FieldPolicy<T> {
  return {
    type,
    honoured: new Set(honoured),
    ignored: new Map(Object.entries(ignored) as [string, string][]),
  };
}
