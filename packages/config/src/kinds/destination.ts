import { list, map, message, text, whole, type ShapeOf } from '../schema/shape.ts';
import { portSelector } from './selectors.ts';

/** A service, one of its subsets, one of its ports. */
export const destination = message(
  'The service that requests go to.',
  {
    host: text('Name of the service; a short name is completed with the namespace of the rule.', {
      minLength: 1,
    }),
    subset: text('Name of a subset that a DestinationRule of the host defines.'),
    port: portSelector,
  },
  { required: ['host'] },
);
export type Destination = ShapeOf<typeof destination>;

/** Header changes in one direction. */
export const headerOperations = message('Changes of headers.', {
  set: map('Headers to overwrite.', text('Value.')),
  add: map('Headers to append to.', text('Value.')),
  remove: list('Headers to remove.', text('Name.')),
});
export type HeaderOperations = ShapeOf<typeof headerOperations>;

/** Header changes in both directions. */
export const headerChanges = message('Changes of the headers of requests and responses.', {
  request: headerOperations,
  response: headerOperations,
});
export type HeaderChanges = ShapeOf<typeof headerChanges>;

/** A destination with its share, for TCP and TLS routes. */
export const routeDestination = message(
  'A destination and its share.',
  {
    destination,
    weight: whole('Share of the connections, in proportion to the sum of weights.', 0, 2_147_483_647),
  },
  { required: ['destination'] },
);
export type RouteDestination = ShapeOf<typeof routeDestination>;
