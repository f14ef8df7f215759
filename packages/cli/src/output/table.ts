/** `Table` of the API's meta group, as the server prints it. */
export interface ServerTable {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly columnDefinitions: readonly { readonly name: string; readonly priority?: number }[];
  readonly rows: readonly {
    readonly cells: readonly (string | number | boolean | null)[];
    readonly object?: { readonly metadata?: { readonly namespace?: string } };
  }[];
}

/** Columns with three spaces between them, as kubectl's. */
export function alignColumns(lines: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const line of lines) {
    for (const [i, cell] of line.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  const text = lines.map((line) =>
    line.map((cell, i) => (i === line.length - 1 ? cell : cell.padEnd((widths[i] ?? 0) + 3))).join(''),
  );
  return text.map((line) => `${line.trimEnd()}\n`).join('');
}

/** A server's table as text; nothing where it has no rows. */
export function formatTable(
  table: ServerTable,
  layout: { readonly wide: boolean; readonly withNamespace: boolean; readonly prefix: string },
  withHeader = true,
): string {
  if (table.rows.length === 0) return '';
  const shown = table.columnDefinitions.map((column) => layout.wide || (column.priority ?? 0) === 0);
  const header = table.columnDefinitions
    .filter((_, i) => shown[i])
    .map((column) => column.name.toUpperCase());
  const lines = withHeader ? [[...(layout.withNamespace ? ['NAMESPACE'] : []), ...header]] : [];
  for (const { cells, object } of table.rows) {
    const [first, ...rest] = cells.filter((_, i) => shown[i]).map((cell) => String(cell ?? '<none>'));
    lines.push([
      ...(layout.withNamespace ? [object?.metadata?.namespace ?? ''] : []),
      `${layout.prefix}${first ?? ''}`,
      ...rest,
    ]);
  }
  return alignColumns(lines);
}
