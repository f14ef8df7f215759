import type { HeaderChanges, HeaderOperations } from '@lateen/config';
import type { HeaderValueOption } from '@lateen/protocol/envoy/config/core/v3';

/** Header changes as Envoy's routes, weighted clusters and virtual hosts have them. */
export interface HeaderFields {
  readonly requestHeadersToAdd?: readonly HeaderValueOption[];
  readonly requestHeadersToRemove?: readonly string[];
  readonly responseHeadersToAdd?: readonly HeaderValueOption[];
  readonly responseHeadersToRemove?: readonly string[];
}

function isHost(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'host' || lower === ':authority';
}

function additions(operations: HeaderOperations | undefined): HeaderValueOption[] {
  const options = (
    headers: Readonly<Record<string, string>> | undefined,
    appendAction: 'APPEND_IF_EXISTS_OR_ADD' | 'OVERWRITE_IF_EXISTS_OR_ADD',
  ): HeaderValueOption[] =>
    Object.entries(headers ?? {})
      .filter(([name]) => !isHost(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({
        header: { key, value },
        appendAction,
        ...(value === '' ? { keepEmptyValue: true } : {}),
      }));
  return [
    ...options(operations?.set, 'OVERWRITE_IF_EXISTS_OR_ADD'),
    ...options(operations?.add, 'APPEND_IF_EXISTS_OR_ADD'),
  ];
}

/** The changes that a rule, a destination, or one after the other ask for. */
export function headerFields(...all: readonly (HeaderChanges | undefined)[]): HeaderFields {
  const requestAdd = all.flatMap((changes) => additions(changes?.request));
  const responseAdd = all.flatMap((changes) => additions(changes?.response));
  const requestRemove = all.flatMap((changes) => changes?.request?.remove ?? []);
  const responseRemove = all.flatMap((changes) => changes?.response?.remove ?? []);
  return {
    ...(requestAdd.length === 0 ? {} : { requestHeadersToAdd: requestAdd }),
    ...(requestRemove.length === 0 ? {} : { requestHeadersToRemove: requestRemove }),
    ...(responseAdd.length === 0 ? {} : { responseHeadersToAdd: responseAdd }),
    ...(responseRemove.length === 0 ? {} : { responseHeadersToRemove: responseRemove }),
  };
}

/** The host that a request header change sets: Envoy rewrites hosts, it does not set them as headers. */
export function hostSetBy(changes: HeaderChanges | undefined): string | undefined {
  for (const [name, value] of Object.entries(changes?.request?.set ?? {})) if (isHost(name)) return value;
  return undefined;
}
