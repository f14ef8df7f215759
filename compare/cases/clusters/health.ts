import { frame, frameType, headersFrame } from '@lateen/proxy/raw-http2';
import { http2Cluster } from '../../bootstrap.ts';
import type { CompareCase, Setup } from '../../case.ts';
import { asks, clustersSetup, hostAt, locality, type ClusterSetup } from '../../cluster-setup.ts';
import { get } from '../../request.ts';

const slowly = {
  timeout: '0.5s',
  interval: '3600s',
  no_traffic_interval: '3600s',
  unhealthy_threshold: 2,
  healthy_threshold: 2,
};
const text = (value: string): object => ({ text: Buffer.from(value).toString('hex') });

/** gRPC's answer that it is serving. */
const serving = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01]);

const looks = (name: string): CompareCase => ({
  what: name,
  clients: [],
  tables: [
    `/clusters?filter=^${name}$`,
    `/stats?filter=^cluster.${name}.health_check`,
    `/stats?filter=^cluster.${name}.membership`,
  ],
});

const names = [
  'http',
  'httpcodes',
  'httprefused',
  'httpdegraded',
  'httpsilent',
  'httphost',
  'tcp',
  'tcprefused',
  'tcpsays',
  'tcpsaysother',
  'grpc',
  'grpcbroken',
  'two',
];

export const health: Setup = {
  ...clustersSetup(
    'health',
    ({ up, up2, up3, closed }) => {
      const checked = (port: number, check: object, more: object = {}): ClusterSetup => ({
        localities: [locality([hostAt(port)])],
        more: {
          health_checks: [{ ...slowly, ...check }],
          common_lb_config: { healthy_panic_threshold: { value: 0 } },
          ...more,
        },
      });
      const http = { http_health_check: { path: '/health' } };
      return {
        http: checked(up, http),
        httpcodes: checked(up, {
          http_health_check: { path: '/health', expected_statuses: [{ start: 201, end: 203 }] },
        }),
        httprefused: checked(closed, http),
        httpdegraded: checked(up3, http),
        httpsilent: checked(up, { ...http, http_health_check: { path: '/silent' } }),
        httphost: checked(up, { http_health_check: { path: '/health', host: 'named', method: 'HEAD' } }),
        tcp: checked(up, { tcp_health_check: {} }),
        tcprefused: checked(closed, { tcp_health_check: {} }),
        tcpsays: checked(up, {
          tcp_health_check: { send: text('GET / HTTP/1.1\r\nhost: a\r\n\r\n'), receive: [text('hello')] },
        }),
        tcpsaysother: checked(up, {
          tcp_health_check: { send: text('GET / HTTP/1.1\r\nhost: a\r\n\r\n'), receive: [text('other')] },
        }),
        grpc: checked(up2, { grpc_health_check: { service_name: 's' } }, http2Cluster),
        grpcbroken: checked(closed, { grpc_health_check: {} }, http2Cluster),
        two: {
          localities: [locality([hostAt(up), hostAt(closed)])],
          more: { health_checks: [{ ...slowly, ...http }] },
        },
      };
    },
    [
      ...names.map(looks),
      asks('asked: healthy', '/http', 1),
      asks('asked: not healthy', '/httprefused', 1),
      asks('asked: degraded', '/httpdegraded', 1),
      asks('asked: one of two', '/two', 4, { shares: { up: [100, 100] } }),
    ],
  ),
  endpoints: {
    up2: [
      {
        send: (id) => [
          headersFrame(
            id,
            [
              [':status', '200'],
              ['content-type', 'application/grpc'],
            ],
            false,
          ),
          frame(frameType.data, 0, id, serving),
          headersFrame(id, [['grpc-status', '0']], true),
        ],
      },
    ],
    up3: [{ send: ['HTTP/1.1 200 OK\r\nx-envoy-degraded: true\r\ncontent-length: 0\r\n\r\n'] }],
  },
};

/** One whose checks come fast, and fail for a while. */
export const flapping: Setup = clustersSetup(
  'flapping',
  ({ up }) => ({
    flapping: {
      localities: [locality([hostAt(up)])],
      more: {
        health_checks: [
          {
            ...slowly,
            interval: '0.1s',
            no_traffic_interval: '0.1s',
            http_health_check: { path: '/health' },
          },
        ],
        // Envoy's 1 s would keep what is found out from those who choose.
        common_lb_config: { healthy_panic_threshold: { value: 0 }, update_merge_window: '0s' },
      },
    },
  }),
  [
    {
      what: 'fails, and is well again',
      clients: [{ send: [{ waitMs: 400 }, get('/flapping'), { waitMs: 1_000 }, get('/flapping')] }],
      up: Array.from({ length: 9 }, (_, i) => ({
        send: [`HTTP/1.1 ${i < 8 ? 503 : 200} x\r\ncontent-length: 0\r\n\r\n`],
      })),
      shares: { up: [50, 50], '-': [50, 50] } as never,
      tables: ['/clusters?filter=^flapping$'],
      quietMs: 300,
    },
  ],
);
