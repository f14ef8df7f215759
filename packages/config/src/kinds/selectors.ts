import { list, map, message, portNumber, text, type ShapeOf } from '../schema/shape.ts';

/** Chooses workloads by labels, the networking form. */
export const workloadSelector = message('Workloads with all of these labels.', {
  labels: map('Labels that a workload must have.', text('Value.')),
});
export type WorkloadSelector = ShapeOf<typeof workloadSelector>;

/** Chooses workloads by labels, the form of security, telemetry and extensions. */
export const matchLabelsSelector = message('Workloads with all of these labels.', {
  matchLabels: map('Labels that a workload must have.', text('Value.')),
});
export type MatchLabelsSelector = ShapeOf<typeof matchLabelsSelector>;

/** A reference to the object that a policy is attached to. */
export const targetRef = message(
  'An object that the policy is attached to.',
  {
    group: text('API group of the object; empty for the core group.'),
    kind: text('Kind of the object.', { minLength: 1 }),
    name: text('Name of the object.', { minLength: 1 }),
    namespace: text('Namespace of the object; must be that of the policy.'),
  },
  { required: ['kind', 'name'] },
);
export const targetRefs = list('Objects that the policy is attached to.', targetRef);

/** A port by its number. */
export const portSelector = message('A port of the service.', {
  number: portNumber('Number of the port.'),
});

/** Where a resource is seen: `.` its own namespace, `*` all, or names of namespaces. */
export const exportTo = list('Namespaces that see this: "." for its own, "*" for all.', text('Namespace.'));
