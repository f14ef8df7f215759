import { defaultCluster, type ClusterStatus } from '../../model/index.ts';

/** A cluster of EDS with one endpoint, which is ejected. */
export const oneCluster: ClusterStatus = {
  cluster: {
    ...defaultCluster('outbound|80||a.b'),
    discovery: { kind: 'eds', serviceName: 'outbound|80||a.b' },
  },
  endpoints: [
    {
      address: { kind: 'socket', address: '10.0.0.1', port: 80 },
      hostname: '',
      priority: 0,
      weight: 1,
      locality: { region: 'r', zone: 'z', subZone: '' },
      edsHealth: 'unknown',
      metadata: { 'envoy.lb': { version: 'v1' } },
      failedActiveHealthCheck: false,
      degradedByCheck: false,
      checkTimedOut: false,
      ejected: true,
      successRate: -1,
      localOriginSuccessRate: -1,
      stats: {
        cx_active: 1,
        cx_connect_fail: 0,
        cx_total: 3,
        rq_active: 0,
        rq_pending_active: 0,
        rq_error: 0,
        rq_success: 2,
        rq_timeout: 0,
        rq_total: 2,
      },
    },
  ],
  overprovisioningFactor: 140,
  retryLimits: { default: 3, high: 3 },
  successRates: {
    external: { average: 90, ejectionThreshold: 70 },
    local: { average: -1, ejectionThreshold: -1 },
  },
};
