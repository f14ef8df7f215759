import type { ObjectMeta, OwnerReference } from '@lateen/kube';

/** The workload that a pod belongs to, as telemetry and identities name it. */
export interface WorkloadIdentity {
  readonly name: string;
  readonly kind: string;
  readonly apiVersion: string;
}

/**
 * The workload behind a pod: the Deployment behind its ReplicaSet, the CronJob behind its Job, else its
 * controller, else the pod itself.
 */
export function workloadOf(metadata: Partial<ObjectMeta>): WorkloadIdentity {
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  if (controller === undefined) {
    return { name: metadata.name || baseName(metadata.generateName ?? ''), kind: 'Pod', apiVersion: 'v1' };
  }
  return behind(controller, metadata.labels?.['pod-template-hash']);
}

function behind(controller: OwnerReference, templateHash: string | undefined): WorkloadIdentity {
  if (
    controller.kind === 'ReplicaSet' &&
    templateHash !== undefined &&
    controller.name.endsWith(`-${templateHash}`)
  ) {
    return {
      name: controller.name.slice(0, -templateHash.length - 1),
      kind: 'Deployment',
      apiVersion: 'apps/v1',
    };
  }
  // A CronJob names its Jobs after the time in minutes since 1970.
  const scheduled = controller.kind === 'Job' ? /^(.+)-\d{8}$/.exec(controller.name) : null;
  if (scheduled?.[1] !== undefined) return { name: scheduled[1], kind: 'CronJob', apiVersion: 'batch/v1' };
  return { name: controller.name, kind: controller.kind, apiVersion: controller.apiVersion };
}

/** The name that a generated one begins with. */
function baseName(generateName: string): string {
  return generateName.replace(/-$/, '');
}

/** `ISTIO_META_OWNER`: where the workload stands in the API. */
export function ownerUrl(workload: WorkloadIdentity, namespace: string): string {
  const plural = `${workload.kind.toLowerCase()}s`;
  return `kubernetes://apis/${workload.apiVersion}/namespaces/${namespace}/${plural}/${workload.name}`;
}

/** The name that telemetry groups versions of a workload by. */
export function canonicalName(labels: Readonly<Record<string, string>>, workloadName: string): string {
  return (
    labels['service.istio.io/canonical-name'] ??
    labels['app.kubernetes.io/name'] ??
    labels['app'] ??
    workloadName
  );
}

/** The version of a workload, as telemetry names it. */
export function canonicalRevision(labels: Readonly<Record<string, string>>): string {
  return (
    labels['service.istio.io/canonical-revision'] ??
    labels['app.kubernetes.io/version'] ??
    labels['version'] ??
    'latest'
  );
}
