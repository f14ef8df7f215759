import {
  controllerReference,
  resources,
  type Deployment,
  type PodTemplate,
  type ReplicaSet,
} from '@lateen/kube';
import { sameValue } from '../deep-equal.ts';
import { safeText } from '../random-suffix.ts';

/** The label that tells the pods of one revision from those of another. */
export const templateHashLabel = 'pod-template-hash';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

/** Annotations of a Deployment that say nothing about its revisions. */
const notInherited = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deployment.kubernetes.io/revision-history',
  'deprecated.deployment.rollback.to',
]);

/** A Deployment's sets: the one of its present template, where there is one, and the others, oldest first. */
export interface RevisionSets {
  readonly current: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
}

/**
 * Sorts a Deployment's sets into the present one and the others. The present one has the same template, or the
 * template's hash in its name: a set whose template was changed on its way in (by a webhook, by newer defaults)
 * must be known again, or a new one would be made each time.
 */
export function sortRevisions(deployment: Deployment, sets: readonly ReplicaSet[]): RevisionSets {
  const { template } = deployment.spec;
  const byAge = [...sets].sort(compareByAge);
  const hash = templateHash(template, deployment.status?.collisionCount ?? 0);
  const current =
    byAge.find((set) => isOfTemplate(set, template)) ??
    byAge.find((set) => set.metadata.labels?.[templateHashLabel] === hash);
  return { current, old: byAge.filter((set) => set !== current) };
}

/** True where the set was made from this template. */
export function isOfTemplate(set: ReplicaSet, template: PodTemplate): boolean {
  return sameValue(withoutHash(set.spec.template ?? {}), withoutHash(template));
}

/** The set for the present template, as it is to be created. */
export function newRevision(
  deployment: Deployment,
  replicas: number,
  maxReplicas: number,
  revision: number,
): ReplicaSet {
  const { template, selector } = deployment.spec;
  const hash = templateHash(template, deployment.status?.collisionCount ?? 0);
  const labels = { ...template.metadata?.labels, [templateHashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      ...(deployment.metadata.namespace === undefined ? {} : { namespace: deployment.metadata.namespace }),
      labels,
      annotations: revisionAnnotations(deployment, maxReplicas, revision),
      ownerReferences: [controllerReference(resources.deployments, deployment)],
    },
    spec: {
      replicas,
      ...(deployment.spec.minReadySeconds === undefined
        ? {}
        : { minReadySeconds: deployment.spec.minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [templateHashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/** What a set is annotated with while its Deployment has this size. */
export function revisionAnnotations(
  deployment: Deployment,
  maxReplicas: number,
  revision: number,
): Record<string, string> {
  const annotations: Record<string, string> = {};
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!notInherited.has(name)) annotations[name] = value;
  }
  annotations[revisionAnnotation] = String(revision);
  return { ...annotations, ...sizeAnnotations(deployment.spec.replicas ?? 1, maxReplicas) };
}

/** The size that a Deployment had when the set was last scaled; by it, scaling is told from rolling out. */
export function sizeAnnotations(desired: number, max: number): Record<string, string> {
  return { [desiredReplicasAnnotation]: String(desired), [maxReplicasAnnotation]: String(max) };
}

/** What {@link sizeAnnotations} wrote; undefined where the set has none. */
export function annotatedSize(
  set: ReplicaSet,
): { readonly desired: number; readonly max: number } | undefined {
  const desired = Number.parseInt(set.metadata.annotations?.[desiredReplicasAnnotation] ?? '', 10);
  const max = Number.parseInt(set.metadata.annotations?.[maxReplicasAnnotation] ?? '', 10);
  return Number.isNaN(desired) ? undefined : { desired, max: Number.isNaN(max) ? desired : max };
}

/** The number of a set's revision; 0 where it has none. */
export function revisionOf(set: ReplicaSet): number {
  const revision = Number.parseInt(set.metadata.annotations?.[revisionAnnotation] ?? '', 10);
  return Number.isNaN(revision) ? 0 : revision;
}

export function compareByAge(a: ReplicaSet, b: ReplicaSet): number {
  return (
    Date.parse(a.metadata.creationTimestamp ?? '') - Date.parse(b.metadata.creationTimestamp ?? '') ||
    revisionOf(a) - revisionOf(b) ||
    a.metadata.name.localeCompare(b.metadata.name)
  );
}

function withoutHash(template: PodTemplate): PodTemplate {
  const { [templateHashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

/** FNV-1a over the template in canonical form, in the letters of generated names. */
export function templateHash(template: PodTemplate, collisionCount: number): string {
  const text = canonical(template) + (collisionCount === 0 ? '' : `#${collisionCount}`);
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return safeText(hash);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join()}}`;
}
