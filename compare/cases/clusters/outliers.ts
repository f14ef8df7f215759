import type { CompareCase, Reply } from '../../case.ts';
import { asks, clustersSetup, hostAt, locality, type ClusterSetup } from '../../cluster-setup.ts';
import { get } from '../../request.ts';

const answer = (status: number, ...lines: readonly string[]): Reply => ({
  send: [
    `HTTP/1.1 ${status} Status\r\n${['content-length: 2', ...lines].map((line) => `${line}\r\n`).join('')}\r\nok`,
  ],
});
const long = { interval: '3600s', base_ejection_time: '3600s', max_ejection_percent: 50 };

/** How a cluster of this name stands afterwards. */
const looksAt = (name: string): Partial<CompareCase> => ({
  tables: [`/clusters?filter=^${name}$`, `/stats?filter=^cluster.${name}.outlier_detection`],
});
/** Requests to a cluster whose endpoint `up` answers so. */
const fails = (
  what: string,
  name: string,
  times: number,
  up: readonly Reply[],
  more: Partial<CompareCase> = {},
): CompareCase => ({
  what,
  // What is found out takes its time to reach those who choose.
  clients: [{ send: Array.from({ length: times }, () => [get(`/${name}`), { waitMs: 15 }]).flat() }],
  up,
  ...looksAt(name),
  quietMs: 400,
  ...more,
});

/** All at once, so that they are of one interval. */
const burst = (
  what: string,
  name: string,
  times: number,
  up: readonly Reply[],
  more: Partial<CompareCase> = {},
): CompareCase => asks(what, `/${name}`, times, { up, ...looksAt(name), ...more });

const half = { shares: { up: [0, 100], up2: [0, 100] } } as const;

export const outliers = clustersSetup(
  'outliers',
  ({ up, up2, up3, closed }) => {
    const two = (rules: object, ports = [up, up2]): ClusterSetup => ({
      localities: [locality(ports.map((port) => hostAt(port)))],
      more: {
        outlier_detection: { ...long, ...rules },
        // Envoy's 1 s would keep what is found out from those who choose.
        common_lb_config: { update_merge_window: '0s' },
      },
    });
    return {
      five: two({ consecutive_5xx: 3 }),
      gateway: two({ consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 }),
      gatewaynot: two({ consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 }),
      unenforced: two({ consecutive_5xx: 2, enforcing_consecutive_5xx: 0 }),
      interrupted: two({ consecutive_5xx: 2 }),
      refused: two({ consecutive_5xx: 2 }, [closed, up2]),
      refusedsplit: two(
        {
          split_external_local_origin_errors: true,
          consecutive_local_origin_failure: 2,
          consecutive_5xx: 2,
        },
        [closed, up2],
      ),
      resets: two({ consecutive_5xx: 2 }),
      resetssplit: two({ split_external_local_origin_errors: true, consecutive_local_origin_failure: 2 }),
      answerssplit: two({
        split_external_local_origin_errors: true,
        consecutive_local_origin_failure: 2,
        consecutive_5xx: 3,
      }),
      slow: two({ consecutive_5xx: 2 }),
      slowsplit: two({ split_external_local_origin_errors: true, consecutive_local_origin_failure: 2 }),
      everyone: two({ consecutive_5xx: 2, max_ejection_percent: 100 }),
      three: two({ consecutive_5xx: 2 }, [up, up2, up3]),
      one: two({ consecutive_5xx: 2 }, [up]),
      always: two({ consecutive_5xx: 2, max_ejection_percent: 10, always_eject_one_host: true }, [up, up2]),
      never: two({ consecutive_5xx: 2, max_ejection_percent: 0 }),
      grpc: two({ consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 }),
      rate: two({
        interval: '1s',
        enforcing_consecutive_5xx: 0,
        success_rate_minimum_hosts: 2,
        success_rate_request_volume: 3,
        success_rate_stdev_factor: 500,
      }),
      percentage: two({
        interval: '1s',
        enforcing_consecutive_5xx: 0,
        enforcing_success_rate: 0,
        failure_percentage_threshold: 60,
        failure_percentage_minimum_hosts: 2,
        failure_percentage_request_volume: 3,
        enforcing_failure_percentage: 100,
      }),
      back: two({ interval: '0.2s', base_ejection_time: '0.1s', consecutive_5xx: 2 }),
    };
  },
  [
    fails('5xx in a row', 'five', 12, [answer(500)], { shares: { up: [25, 25], up2: [75, 75] } }),
    fails('gateway errors in a row', 'gateway', 10, [answer(503)], {
      shares: { up: [20, 20], up2: [80, 80] },
    }),
    fails('no gateway errors', 'gatewaynot', 8, [answer(500)], { shares: { up: [50, 50], up2: [50, 50] } }),
    fails('detected only', 'unenforced', 8, [answer(500)], { shares: { up: [50, 50], up2: [50, 50] } }),
    fails('never in a row', 'interrupted', 8, [answer(500), answer(200), answer(500), answer(200)], {
      shares: { up: [50, 50], up2: [50, 50] },
    }),
    fails('refused', 'refused', 10, [], { shares: { closed: [20, 20], up2: [80, 80] } as never }),
    fails('refused, split', 'refusedsplit', 10, [], { shares: { closed: [20, 20], up2: [80, 80] } as never }),
    fails('resets', 'resets', 10, [{ send: [{ reset: true }] }], half),
    fails('resets, split', 'resetssplit', 10, [{ send: [{ reset: true }] }], half),
    fails('answers, split', 'answerssplit', 12, [answer(500)], { shares: { up: [25, 25], up2: [75, 75] } }),
    fails('too slow', 'slow', 8, [{ send: [{ waitMs: 400 }, { close: true }] }], { ...half, quietMs: 900 }),
    fails('too slow, split', 'slowsplit', 8, [{ send: [{ waitMs: 400 }, { close: true }] }], {
      ...half,
      quietMs: 900,
    }),
    fails('everyone', 'everyone', 8, [answer(500)], { ...half, up2: [answer(500)] }),
    fails('one of three', 'three', 18, [answer(500)], {
      ...half,
      shares: { up: [0, 100], up2: [0, 100], up3: [0, 100] },
    }),
    fails('the only one', 'one', 6, [answer(500)], { shares: { up: [100, 100] } }),
    fails('always one', 'always', 12, [answer(500)], half),
    fails('no percent', 'never', 12, [answer(500)], half),
    asks(
      'gRPC errors',
      '/grpc',
      8,
      {
        up: [answer(200, 'content-type: application/grpc', 'grpc-status: 14')],
        ...looksAt('grpc'),
        ...half,
      },
      'content-type: application/grpc',
    ),
    burst('success rates', 'rate', 40, [answer(500)], {
      shares: { up: [50, 50], up2: [50, 50] },
      quietMs: 2_200,
    }),
    burst('failure percentages', 'percentage', 40, [answer(500)], {
      shares: { up: [50, 50], up2: [50, 50] },
      quietMs: 2_200,
    }),
    {
      what: 'back again',
      clients: [{ send: [get('/back').repeat(8), { waitMs: 900 }, get('/back').repeat(4)] }],
      up: [answer(500), answer(500), answer(200)],
      tables: ['/stats?filter=^cluster.back.outlier_detection'],
      ...half,
      quietMs: 300,
    },
  ],
  () => ({
    routes: [
      { match: { path: '/slow' }, route: { cluster: 'slow', timeout: '0.1s' } },
      { match: { path: '/slowsplit' }, route: { cluster: 'slowsplit', timeout: '0.1s' } },
    ],
  }),
);
