import type { KubeObject } from '@lateen/kube';
import type { ResponseForm } from '../http/negotiation.ts';
import type { TableColumn, TableLayout } from './table-layout.ts';

/** What a row carries of its object. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly form: ResponseForm;
  readonly includeObject: IncludeObject;
  readonly nowMs: number;
  /** False for the lines of a watch after the first. Default true. */
  readonly withColumns?: boolean;
}

function definitionOf(column: TableColumn): unknown {
  const { name, type, format = '', description, priority } = column;
  return { name, type, format, description, priority };
}

/** A `Table` of `meta.k8s.io`, as JSON text. */
export function tableOf(
  layout: TableLayout,
  objects: readonly KubeObject[],
  metadata: Readonly<Record<string, unknown>>,
  options: TableOptions,
): string {
  const { form, includeObject, nowMs, withColumns = true } = options;
  const rows = objects.map((object) => {
    const row = { cells: layout.cells(object, nowMs) };
    if (includeObject === 'None') return row;
    if (includeObject === 'Object') return { ...row, object };
    const partial = {
      kind: 'PartialObjectMetadata',
      apiVersion: `meta.k8s.io/${form.version}`,
      metadata: object.metadata,
    };
    return { ...row, object: partial };
  });
  return JSON.stringify({
    kind: 'Table',
    apiVersion: `meta.k8s.io/${form.version}`,
    metadata,
    columnDefinitions: withColumns ? layout.columns.map(definitionOf) : null,
    rows,
  });
}
