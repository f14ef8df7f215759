import type { KubeObject } from '@lateen/kube';

export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description: string;
  /** 0 is always shown, more only with `-o wide`. */
  readonly priority: number;
}

export type Cell = string | number | boolean | null;

/** How objects of a kind become rows of the table that kubectl prints. */
export interface TableLayout {
  readonly columns: readonly TableColumn[];
  /** `nowMs` is the time that ages are counted to. */
  cells(object: KubeObject, nowMs: number): Cell[];
}
