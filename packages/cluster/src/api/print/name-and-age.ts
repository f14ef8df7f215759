import type { KubeObject } from '@lateen/kube';
import { ageOf } from './age.ts';
import type { TableColumn, TableLayout } from './table-layout.ts';

export const nameColumn: TableColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object, unique among those of its kind in its namespace.',
  priority: 0,
};

export const ageColumn: TableColumn = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  priority: 0,
};

/** The table of kinds that have no better one. */
export const nameAndAge: TableLayout = {
  columns: [nameColumn, ageColumn],
  cells: (object: KubeObject, nowMs: number) => [object.metadata.name, ageOf(object, nowMs)],
};
