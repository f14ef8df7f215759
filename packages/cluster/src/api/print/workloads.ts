import {
  formatLabelSelector,
  type Container,
  type Deployment,
  type KubeObject,
  type LabelSelector,
  type ReplicaSet,
} from '@lateen/kube';
import { ageOf } from './age.ts';
import { column, listText, wideColumn } from './column.ts';
import { ageColumn, nameColumn } from './name-and-age.ts';
import type { Cell, TableColumn, TableLayout } from './table-layout.ts';

const templateColumns: readonly TableColumn[] = [
  wideColumn('Containers', 'Names of the containers.'),
  wideColumn('Images', 'Their images.'),
  wideColumn('Selector', 'Labels of the pods.'),
];

function templateCells(containers: readonly Container[], selector: LabelSelector | undefined): Cell[] {
  return [
    listText(containers.map(({ name }) => name)),
    listText(containers.map(({ image }) => image)),
    selector === undefined ? '<none>' : formatLabelSelector(selector),
  ];
}

export const deploymentTable: TableLayout = {
  columns: [
    nameColumn,
    column('Ready', 'Pods that are ready, of all that are wanted.'),
    column('Up-to-date', 'Pods of the newest template.', 'integer'),
    column('Available', 'Pods that have been ready long enough.', 'integer'),
    ageColumn,
    ...templateColumns,
  ],
  cells(object: KubeObject, nowMs: number): Cell[] {
    const { metadata, spec, status = {} } = object as Deployment;
    return [
      metadata.name,
      `${status.readyReplicas ?? 0}/${spec.replicas ?? 1}`,
      status.updatedReplicas ?? 0,
      status.availableReplicas ?? 0,
      ageOf(object, nowMs),
      ...templateCells(spec.template.spec?.containers ?? [], spec.selector),
    ];
  },
};

export const replicaSetTable: TableLayout = {
  columns: [
    nameColumn,
    column('Desired', 'Pods that are wanted.', 'integer'),
    column('Current', 'Pods that there are.', 'integer'),
    column('Ready', 'Pods that are ready.', 'integer'),
    ageColumn,
    ...templateColumns,
  ],
  cells(object: KubeObject, nowMs: number): Cell[] {
    const { metadata, spec, status } = object as ReplicaSet;
    return [
      metadata.name,
      spec.replicas ?? 1,
      status?.replicas ?? 0,
      status?.readyReplicas ?? 0,
      ageOf(object, nowMs),
      ...templateCells(spec.template?.spec?.containers ?? [], spec.selector),
    ];
  },
};
