import { conditionOf, type KubeObject } from '@lateen/kube';
import { ageOf, sinceText } from './age.ts';
import { column, listText, wideColumn } from './column.ts';
import { ageColumn, nameColumn } from './name-and-age.ts';
import type { Cell, TableColumn, TableLayout } from './table-layout.ts';

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function text(value: unknown, absent = '<none>'): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : absent;
}

const size = (value: unknown): number => Object.keys(fieldsOf(value)).length;
const items = (value: unknown): Fields[] => (Array.isArray(value) ? value.map(fieldsOf) : []);

/** A table with the name in front and the age behind. */
function table(
  columns: readonly TableColumn[],
  cells: (object: KubeObject, nowMs: number) => Cell[],
): TableLayout {
  const shown = columns.filter(({ priority }) => priority === 0);
  const wide = columns.filter(({ priority }) => priority > 0);
  return {
    columns: [nameColumn, ...shown, ageColumn, ...wide],
    cells(object, nowMs) {
      const own = cells(object, nowMs);
      return [
        object.metadata.name,
        ...own.slice(0, shown.length),
        ageOf(object, nowMs),
        ...own.slice(shown.length),
      ];
    },
  };
}

export const namespaceTable = table([column('Status', 'Active, or Terminating.')], (object) => [
  text(fieldsOf(object['status'])['phase'], 'Active'),
]);

const rolePrefix = 'node-role.kubernetes.io/';

export const nodeTable: TableLayout = {
  columns: [
    nameColumn,
    column('Status', 'Whether it takes pods.'),
    column('Roles', 'What it is for.'),
    ageColumn,
    column('Version', 'Version of what runs the pods.'),
    wideColumn('Internal-IP', 'Address in the cluster.'),
    wideColumn('External-IP', 'Address outside.'),
    wideColumn('OS-Image', 'Operating system.'),
    wideColumn('Kernel-Version', 'Kernel.'),
    wideColumn('Container-Runtime', 'What runs containers.'),
  ],
  cells(node, nowMs) {
    const status = fieldsOf(node['status']);
    const info = fieldsOf(status['nodeInfo']);
    const ready = conditionOf(node as Parameters<typeof conditionOf>[0], 'Ready')?.status === 'True';
    const address = (type: string): string =>
      text(items(status['addresses']).find((one) => one['type'] === type)?.['address']);
    const roles = Object.keys(node.metadata.labels ?? {})
      .filter((label) => label.startsWith(rolePrefix))
      .map((label) => label.slice(rolePrefix.length));
    const unschedulable = fieldsOf(node['spec'])['unschedulable'] === true ? ',SchedulingDisabled' : '';
    return [
      node.metadata.name,
      `${ready ? 'Ready' : 'NotReady'}${unschedulable}`,
      listText(roles),
      ageOf(node, nowMs),
      text(info['kubeletVersion'], ''),
      address('InternalIP'),
      address('ExternalIP'),
      text(info['osImage'], '<unknown>'),
      text(info['kernelVersion'], '<unknown>'),
      text(info['containerRuntimeVersion'], '<unknown>'),
    ];
  },
};

export const configMapTable = table([column('Data', 'How many entries.', 'integer')], (object) => [
  size(object['data']) + size(object['binaryData']),
]);

export const secretTable = table(
  [column('Type', 'What it is for.'), column('Data', 'How many entries.', 'integer')],
  (object) => [text(object['type'], 'Opaque'), size(object['data'])],
);

export const serviceAccountTable = table([column('Secrets', 'How many secrets.', 'integer')], (object) => [
  items(object['secrets']).length,
]);

export const leaseTable = table([column('Holder', 'Who has it.')], (object) => [
  text(fieldsOf(object['spec'])['holderIdentity'], ''),
]);

export const ingressTable = table(
  [
    column('Class', 'Who is to serve it.'),
    column('Hosts', 'Hosts of its rules.'),
    column('Address', 'Where it answers.'),
    column('Ports', 'Ports at which it answers.'),
  ],
  (object) => {
    const spec = fieldsOf(object['spec']);
    const hosts = items(spec['rules']).map((rule) => text(rule['host'], '*'));
    const balancer = fieldsOf(fieldsOf(object['status'])['loadBalancer']);
    const addresses = items(balancer['ingress']).map(({ ip, hostname }) => text(ip ?? hostname, ''));
    return [
      text(spec['ingressClassName']),
      hosts.length === 0 ? '*' : listText(hosts),
      addresses.join(','),
      items(spec['tls']).length > 0 ? '80, 443' : '80',
    ];
  },
);

/** Who a binding gives its role to, by kind. */
function subjectsText(object: KubeObject, kind: string): string {
  return items(object['subjects'])
    .filter((subject) => subject['kind'] === kind)
    .map((subject) => {
      const namespace = text(subject['namespace'], '');
      return namespace === '' ? text(subject['name']) : `${namespace}/${text(subject['name'])}`;
    })
    .join(',');
}

export const bindingTable = table(
  [
    column('Role', 'What is given.'),
    wideColumn('Users', 'To which users.'),
    wideColumn('Groups', 'To which groups.'),
    wideColumn('ServiceAccounts', 'To which service accounts.'),
  ],
  (object) => {
    const role = fieldsOf(object['roleRef']);
    return [
      `${text(role['kind'], '')}/${text(role['name'], '')}`,
      subjectsText(object, 'User'),
      subjectsText(object, 'Group'),
      subjectsText(object, 'ServiceAccount'),
    ];
  },
);

/** Roles show when they were made instead of their age. */
export const roleTable: TableLayout = {
  columns: [nameColumn, { ...column('Created At', 'When it was made.'), type: 'date' }],
  cells: (object) => [object.metadata.name, object.metadata.creationTimestamp ?? '<unknown>'],
};

export const definitionTable: TableLayout = {
  columns: [nameColumn, { ...column('Created At', 'When it was made.'), type: 'date' }],
  cells: (object) => [object.metadata.name, object.metadata.creationTimestamp ?? '<unknown>'],
};

export const webhookConfigurationTable = table([column('Webhooks', 'How many.', 'integer')], (object) => [
  items(object['webhooks']).length,
]);

export const autoscalerTable = table(
  [
    column('Reference', 'What is scaled.'),
    column('Targets', 'Measured and wanted load.'),
    column('MinPods', 'Fewest pods.'),
    column('MaxPods', 'Most pods.'),
    column('Replicas', 'Pods that there are.'),
  ],
  (object) => {
    const spec = fieldsOf(object['spec']);
    const target = fieldsOf(spec['scaleTargetRef']);
    const metrics = items(spec['metrics']).map((metric) => {
      const resource = fieldsOf(metric['resource']);
      const wanted = fieldsOf(resource['target']);
      return `${text(resource['name'], 'metric')}: <unknown>/${text(wanted['averageUtilization'], text(wanted['averageValue'], '?'))}%`;
    });
    return [
      `${text(target['kind'])}/${text(target['name'])}`,
      listText(metrics),
      text(spec['minReplicas'], '<unset>'),
      text(spec['maxReplicas']),
      text(fieldsOf(object['status'])['currentReplicas'], '0'),
    ];
  },
);

export const disruptionBudgetTable = table(
  [
    column('Min Available', 'How many pods must stay.'),
    column('Max Unavailable', 'How many may be gone.'),
    column('Allowed Disruptions', 'How many may go now.', 'integer'),
  ],
  (object) => {
    const spec = fieldsOf(object['spec']);
    const allowed = fieldsOf(object['status'])['disruptionsAllowed'];
    return [
      text(spec['minAvailable'], 'N/A'),
      text(spec['maxUnavailable'], 'N/A'),
      typeof allowed === 'number' ? allowed : 0,
    ];
  },
);

/** Events begin with when they were seen last. */
export const eventTable: TableLayout = {
  columns: [
    column('Last Seen', 'Time since it was seen last.'),
    column('Type', 'Normal, or Warning.'),
    column('Reason', 'Why, in one word.'),
    column('Object', 'What it is about.'),
    wideColumn('Subobject', 'Which part of it.'),
    wideColumn('Source', 'Who says so.'),
    column('Message', 'What happened.'),
    wideColumn('First Seen', 'Time since it was seen first.'),
    wideColumn('Count', 'How often.'),
    { ...nameColumn, priority: 1 },
  ],
  cells(object, nowMs) {
    const about = fieldsOf(object['involvedObject'] ?? object['regarding']);
    const source = fieldsOf(object['source'] ?? object['deprecatedSource']);
    const first = object['firstTimestamp'] ?? object['eventTime'] ?? object.metadata.creationTimestamp;
    const last = fieldsOf(object['series'])['lastObservedTime'] ?? object['lastTimestamp'] ?? first;
    return [
      sinceText(last, nowMs),
      text(object['type'], ''),
      text(object['reason'], ''),
      `${text(about['kind'], '').toLowerCase()}/${text(about['name'], '')}`,
      text(about['fieldPath'], ''),
      text(source['component'], text(object['reportingComponent'], '')),
      text(object['message'] ?? object['note'], '').trim(),
      sinceText(first, nowMs),
      text(object['count'], '1'),
      object.metadata.name,
    ];
  },
};
