import {
  autoscalerTable,
  bindingTable,
  configMapTable,
  definitionTable,
  disruptionBudgetTable,
  eventTable,
  ingressTable,
  leaseTable,
  namespaceTable,
  nodeTable,
  roleTable,
  secretTable,
  serviceAccountTable,
  webhookConfigurationTable,
} from './cluster-kinds.ts';
import { nameAndAge } from './name-and-age.ts';
import { podTable } from './pods.ts';
import { endpointSliceTable, endpointsTable, serviceTable } from './services.ts';
import type { TableLayout } from './table-layout.ts';
import { deploymentTable, replicaSetTable } from './workloads.ts';

const tables: Readonly<Record<string, TableLayout>> = {
  pods: podTable,
  services: serviceTable,
  endpoints: endpointsTable,
  endpointslices: endpointSliceTable,
  deployments: deploymentTable,
  replicasets: replicaSetTable,
  namespaces: namespaceTable,
  nodes: nodeTable,
  configmaps: configMapTable,
  secrets: secretTable,
  serviceaccounts: serviceAccountTable,
  leases: leaseTable,
  events: eventTable,
  roles: roleTable,
  clusterroles: roleTable,
  rolebindings: bindingTable,
  clusterrolebindings: bindingTable,
  customresourcedefinitions: definitionTable,
  mutatingwebhookconfigurations: webhookConfigurationTable,
  validatingwebhookconfigurations: webhookConfigurationTable,
  horizontalpodautoscalers: autoscalerTable,
  poddisruptionbudgets: disruptionBudgetTable,
  ingresses: ingressTable,
};

/** The table of a built-in kind, by the plural name of its resource. */
export function builtinTable(plural: string): TableLayout {
  return tables[plural] ?? nameAndAge;
}
