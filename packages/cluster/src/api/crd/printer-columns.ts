import type { JsonObject } from '@lateen/kube';
import { objectsIn, textIn } from '../builtin/default-fields.ts';
import { nameAndAge, nameColumn } from '../print/name-and-age.ts';
import { sinceText } from '../print/age.ts';
import type { Cell, TableColumn, TableLayout } from '../print/table-layout.ts';
import { compileJsonPath, type PathReader } from './json-path.ts';

interface Column {
  readonly definition: TableColumn;
  readonly read: PathReader;
}

/** The table that `additionalPrinterColumns` ask for; name and age where there are none. */
export function customTable(version: JsonObject): TableLayout {
  const columns: Column[] = [];
  for (const column of objectsIn(version, 'additionalPrinterColumns')) {
    const read = compileJsonPath(textIn(column, 'jsonPath'));
    if (read === undefined) continue;
    const { priority } = column;
    const format = textIn(column, 'format');
    columns.push({
      read,
      definition: {
        name: textIn(column, 'name'),
        type: textIn(column, 'type') as TableColumn['type'],
        ...(format === '' ? {} : { format }),
        description: textIn(column, 'description'),
        priority: typeof priority === 'number' ? priority : 0,
      },
    });
  }
  if (columns.length === 0) return nameAndAge;
  return {
    columns: [nameColumn, ...columns.map((column) => column.definition)],
    cells: (object, nowMs) => [
      object.metadata.name,
      ...columns.map(({ definition, read }) => cellOf(read(object), definition.type, nowMs)),
    ],
  };
}

function cellOf(values: readonly unknown[], type: string, nowMs: number): Cell {
  const [value] = values;
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'date':
      return sinceText(value, nowMs);
    case 'integer':
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    default:
      return values.map(textOf).join(',');
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
