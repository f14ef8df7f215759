import type { KubeObject } from '@lateen/kube';
import type { Strategy } from '../registry/resource-type.ts';
import { validatePod, validatePodUpdate } from '../validation/pod.ts';
import { setPodDefaults } from './pod-defaults.ts';
import { qosClassOf } from './qos-class.ts';
import { objectIn } from './default-fields.ts';

export interface PodObject extends KubeObject {
  spec: { nodeName?: string; terminationGracePeriodSeconds?: number; [field: string]: unknown };
  status?: { phase?: string; [field: string]: unknown };
}

const defaultGraceSeconds = 30;

export const podStrategy: Strategy = {
  countsGenerations: false,
  selectableFields: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  setDefaults: setPodDefaults,
  prepare(object, old) {
    if (old === undefined)
      object['status'] = { phase: 'Pending', qosClass: qosClassOf(objectIn(object, 'spec')) };
  },
  validate: (object, old) => (old === undefined ? validatePod(object) : validatePodUpdate(object, old)),
  gracePeriodSeconds(object) {
    const pod = object as PodObject;
    const unscheduled = pod.spec.nodeName === undefined || pod.spec.nodeName === '';
    const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (unscheduled || ended) return 0;
    return pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
  },
};
