import { hasLabels, labelMatcher, type Node, type Pod } from '@lateen/kube';

interface NodeSelectorTerm {
  readonly matchExpressions?: readonly { key: string; operator: string; values?: string[] }[];
  readonly matchFields?: readonly { key: string; operator: string; values?: string[] }[];
}

interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly value?: string;
  readonly effect?: string;
}

/** Why a pod cannot run on a node, in the scheduler's words after a count; undefined where it can. */
export function fitsNode(pod: Pod, node: Node): string | undefined {
  if (node.spec?.unschedulable === true) return 'node(s) were unschedulable';
  const labels = node.metadata.labels ?? {};
  const terms = requiredTerms(pod);
  const selected =
    hasLabels(labels, pod.spec.nodeSelector ?? {}) &&
    (terms === undefined || terms.some((term) => termMatches(term, node)));
  if (!selected) return "node(s) didn't match Pod's node affinity/selector";
  for (const taint of node.spec?.taints ?? []) {
    if (taint.effect === 'PreferNoSchedule') continue;
    const tolerated = ((pod.spec.tolerations ?? []) as Toleration[]).some((toleration) =>
      tolerates(toleration, taint),
    );
    if (!tolerated) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  }
  return undefined;
}

function requiredTerms(pod: Pod): readonly NodeSelectorTerm[] | undefined {
  const affinity = pod.spec.affinity?.nodeAffinity as
    | {
        requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms?: NodeSelectorTerm[] };
      }
    | undefined;
  return affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
}

function termMatches(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  const fields = { 'metadata.name': node.metadata.name };
  const plain = (operator: string): boolean => operator !== 'Gt' && operator !== 'Lt';
  return (
    labelMatcher({ matchExpressions: matchExpressions.filter(({ operator }) => plain(operator)) })(labels) &&
    labelMatcher({ matchExpressions: matchFields })(fields) &&
    matchExpressions
      .filter(({ operator }) => !plain(operator))
      .every(({ key, operator, values }) => {
        const [mine, bound] = [Number(labels[key]), Number(values?.[0])];
        return operator === 'Gt' ? mine > bound : mine < bound;
      })
  );
}

function tolerates(
  toleration: Toleration,
  taint: { readonly key: string; readonly value?: string; readonly effect: string },
): boolean {
  if (toleration.effect !== undefined && toleration.effect !== '' && toleration.effect !== taint.effect) {
    return false;
  }
  if (toleration.key === undefined || toleration.key === '') return toleration.operator === 'Exists';
  if (toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}
