import type { TableColumn } from './table-layout.ts';

/** A column that is always shown. */
export function column(name: string, description: string, type: TableColumn['type'] = 'string'): TableColumn {
  return { name, type, description, priority: 0 };
}

/** A column of `-o wide` alone. */
export function wideColumn(
  name: string,
  description: string,
  type: TableColumn['type'] = 'string',
): TableColumn {
  return { name, type, description, priority: 1 };
}

/** `app=web,tier=front`; `<none>` for nothing. */
export function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.join(',');
}

/** Names with commas between them; `<none>` for nothing. */
export function listText(items: readonly (string | undefined)[]): string {
  const known = items.filter((item) => item !== undefined && item !== '');
  return known.length === 0 ? '<none>' : known.join(',');
}
