import { list, map, message, text, type ShapeOf } from '../schema/shape.ts';
import { exportTo, matchLabelsSelector } from './selectors.ts';
import { trafficPolicy } from './traffic-policy.ts';

export const subset = message(
  'Some endpoints of the service, by labels.',
  {
    name: text('Name of the subset, used by routes.', { minLength: 1 }),
    labels: map('Labels of the endpoints.', text('Value.')),
    trafficPolicy,
  },
  { required: ['name'] },
);
export type Subset = ShapeOf<typeof subset>;

export const destinationRule = message(
  'What happens to traffic after it was routed to a service.',
  {
    host: text('Name of the service; a short name is completed with the namespace of the rule.', {
      minLength: 1,
    }),
    trafficPolicy,
    subsets: list('Versions of the service that routes can name.', subset),
    exportTo,
    workloadSelector: matchLabelsSelector,
  },
  { required: ['host'] },
);
export type DestinationRuleSpec = ShapeOf<typeof destinationRule>;
