import type { Theme } from '../../case.ts';
import { grpcAuthz } from './grpc-authz.ts';
import { httpAuthz } from './http-authz.ts';
import { rateLimits } from './rate-limits.ts';
import { reasons } from './reasons.ts';

/** Services that filters ask about requests. */
export const services: Theme = {
  name: 'services',
  reasons,
  setups: [...httpAuthz, ...grpcAuthz, ...rateLimits],
};
