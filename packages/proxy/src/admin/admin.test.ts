import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LateenError, silentLogger, systemClock } from '@lateen/core';
import { encode, fromJson, typeRegistry } from '@lateen/protocol';
import { allTypes } from '@lateen/protocol/all-types';
import * as adminTypes from '@lateen/protocol/envoy/admin/v3';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { Secret } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { decodeBootstrap } from '../bootstrap/bootstrap.ts';
import { startProxy, type RunningProxy } from '../bootstrap/running-proxy.ts';
import { knownTypes } from '../decode/known-types.ts';
import { defaultListener } from '../model/index.ts';
import type { DataPlane } from '../data-plane.ts';
import { LogLevels } from '../logging/log-levels.ts';
import { adminRoutes } from './routes.ts';
import { startAdminServer, type AdminServer } from './server.ts';
import type { ServerState } from './server-info.ts';
import { oneCluster } from './testing/one-cluster.ts';

let proxy: RunningProxy;
let admin: AdminServer;
const profiles = mkdtempSync(join(tmpdir(), 'lateen-profiles-'));
let state: ServerState = 'INITIALIZING';
const calls: string[] = [];
const logLevels = new LogLevels('info');

before(async () => {
  const bootstrap = decodeBootstrap({
    node: { id: 'me', cluster: 'here', metadata: { NAMESPACE: 'default' } },
    admin: { profile_path: join(profiles, 'proxy') },
    static_resources: {
      clusters: [
        {
          name: 'static',
          typed_extension_protocol_options: {
            'envoy.filters.network.redis_proxy': {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProtocolOptions',
              auth_password: { inline_bytes: Buffer.from('SECRET KEY').toString('base64') },
              auth_username: { filename: '/SECRET KEY' },
            },
          },
        },
      ],
      secrets: [
        {
          name: 's',
          tls_certificate: {
            certificate_chain: { inline_string: 'chain' },
            private_key: { inline_string: 'SECRET KEY' },
          },
        },
      ],
    },
  });
  assert.ok(bootstrap.ok, JSON.stringify(bootstrap));
  const notes = {
    update: async () => ({ refused: [] }),
    clusters: () => [oneCluster],
    listeners: () => [
      {
        listener: defaultListener('both', { kind: 'socket', address: '0.0.0.0', port: 0 }, []),
        boundAddresses: [8_080, 8_081].map((port) => ({ kind: 'socket', address: '0.0.0.0', port })),
      },
    ],
    close: async () => {},
    prepareCluster: () => undefined,
    prepareListener: () => undefined,
    whenServing: async () => {},
    onDemand: {},
    startDraining: () => calls.push('startDraining'),
    stats: {
      text: (filter: { regex?: { test(name: string): boolean } }) =>
        ['cluster.a.upstream_rq_total: 1', 'http.b.downstream_rq_2xx: 2']
          .filter((line) => filter.regex?.test(line) ?? true)
          .join('\n'),
      json: () => ({ stats: [] }),
      prometheus: () => 'envoy_x 1\n',
      histogramStates: () => new Map(),
      resetCounters: () => calls.push('resetCounters'),
      add() {},
      remove() {},
    },
  } as unknown as DataPlane;
  proxy = await startProxy({
    bootstrap: bootstrap.value,
    dataPlane: notes,
    clock: systemClock,
    log: silentLogger,
  });
  const cluster = (name: string) => {
    const message = fromJson(Cluster, { name }, { registry: knownTypes });
    assert.ok(message.ok);
    return { name, version: '7', typeUrl: Cluster.typeUrl, bytes: encode(Cluster, message.value) };
  };
  proxy.store.noteVersion('cluster', 'v7');
  proxy.store.accept('cluster', cluster('outbound|80||a.b'), 1_000, 'disk');
  proxy.store.refuse('cluster', cluster('bad'), 'not usable', 2_000);
  const torn = {
    name: 'torn',
    version: '7',
    typeUrl: Secret.typeUrl,
    bytes: Buffer.from('\xff SECRET KEY', 'latin1'),
  };
  proxy.store.refuse('secret', torn, 'not readable', 2_000);
  admin = await startAdminServer({
    address: { kind: 'socket', address: '127.0.0.1', port: 0 },
    log: silentLogger,
    routes: adminRoutes({
      proxy,
      clock: systemClock,
      logLevels,
      configPath: undefined,
      drainTimeMs: 5_000,
      drainStrategy: 'gradual',
      state: () => state,
      setHealthy: (healthy) => calls.push(`healthy=${healthy}`),
      drain: ({ only, afterwards }) => calls.push(`drain ${only} ${afterwards}`),
      quit: () => calls.push('quit'),
      stats: async () => proxy.dataPlane.stats,
      resetCounters: () => proxy.dataPlane.stats.resetCounters(),
      clusters: async () => proxy.dataPlane.clusters(),
      reopenLogs: () => proxy.dataPlane.reopenLogs(),
      concurrency: 1,
      hotRestart: undefined,
    }),
  });
});

after(async () => {
  await admin.close();
  await proxy.close();
  rmSync(profiles, { recursive: true });
});

async function ask(path: string, method = 'GET'): Promise<{ status: number; body: string }> {
  const { address } = admin;
  if (address.kind === 'pipe') throw new LateenError('ETEST', 'no port');
  const response = await fetch(`http://127.0.0.1:${address.port}${path}`, { method });
  return { status: response.status, body: await response.text() };
}

type Json = Record<string, unknown>;
const dump = async (query = ''): Promise<Json[]> =>
  (JSON.parse((await ask(`/config_dump${query}`)).body) as { configs: Json[] }).configs;
const typeOf = (config: Json): string => String(config['@type']).split('.').at(-1) ?? '';

test('a configuration dump has the parts of Envoy, with what was refused and why', async () => {
  const configs = await dump('?include_eds');
  assert.deepEqual(configs.map(typeOf), [
    'BootstrapConfigDump',
    'ClustersConfigDump',
    'EndpointsConfigDump',
    'ListenersConfigDump',
    'ScopedRoutesConfigDump',
    'RoutesConfigDump',
    'SecretsConfigDump',
  ]);
  const clusters = configs[1] as {
    version_info: string;
    static_clusters: { cluster: Json }[];
    dynamic_active_clusters: { cluster?: Json; version_info?: string; error_state?: Json }[];
  };
  assert.equal(clusters.version_info, 'v7');
  assert.equal(clusters.static_clusters[0]?.cluster['name'], 'static');
  const [bad, good] = clusters.dynamic_active_clusters;
  assert.equal(good?.cluster?.['name'], 'outbound|80||a.b');
  assert.equal(good?.cluster?.['@type'], 'type.googleapis.com/envoy.config.cluster.v3.Cluster');
  assert.equal(bad?.error_state?.['details'], 'not usable');
  assert.deepEqual((await dump()).map(typeOf).includes('EndpointsConfigDump'), false);
});

test('endpoints are dumped as the proxy sees them', async () => {
  const [live] = await dump('?include_eds&resource=dynamic_endpoint_configs');
  assert.deepEqual(live?.['endpoint_config'], {
    '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
    cluster_name: 'outbound|80||a.b',
    endpoints: [
      {
        locality: { region: 'r', zone: 'z' },
        lb_endpoints: [
          {
            endpoint: { address: { socket_address: { address: '10.0.0.1', port_value: 80 } } },
            health_status: 'UNHEALTHY',
            metadata: { filter_metadata: { 'envoy.lb': { version: 'v1' } } },
            load_balancing_weight: 1,
          },
        ],
      },
    ],
    policy: { overprovisioning_factor: 140 },
  });
});

test('private keys are in no dump', async () => {
  const { body } = await ask('/config_dump?include_eds');
  assert.ok(!body.includes('SECRET KEY'));
  // Wherever it stands in the bytes before they are in base64.
  for (const before of ['', ' ', '\xff ']) {
    const text = Buffer.from(`${before}SECRET KEY`, 'latin1').toString('base64');
    assert.ok(!body.includes(text.replace(/=+$/, '')), text);
  }
  const redacted = { inline_bytes: Buffer.from('[redacted]').toString('base64') };
  const [cluster] = await dump('?resource=static_clusters');
  const { typed_extension_protocol_options: options = {} } = (cluster as { cluster: Record<string, Json> })
    .cluster;
  const redis = options['envoy.filters.network.redis_proxy'] as Json;
  assert.deepEqual(redis['auth_password'], redacted);
  assert.deepEqual(redis['auth_username'], { filename: '[redacted]' });
  const [secret] = await dump('?resource=static_secrets&mask=secret.tls_certificate.private_key');
  assert.deepEqual((secret as { secret: Json }).secret['tls_certificate'], {
    private_key: { inline_string: '[redacted]' },
  });
});

test('a certificate that was made in this process is shown as one that came by SDS, without its key', async () => {
  const inline = (text: string) => ({ kind: 'inline', bytes: Buffer.from(text) }) as const;
  const certificate = { chain: inline('CHAIN'), privateKey: inline('SECRET KEY') };
  await proxy.setSecrets([{ kind: 'certificate', name: 'default', certificate }]);
  const [secret] = await dump(
    '?resource=dynamic_active_secrets&mask=name,secret.tls_certificate&name_regex=default',
  );
  assert.deepEqual(secret, {
    '@type': 'type.googleapis.com/envoy.admin.v3.SecretsConfigDump.DynamicSecret',
    name: 'default',
    secret: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
      tls_certificate: {
        certificate_chain: { inline_bytes: Buffer.from('CHAIN').toString('base64') },
        private_key: { inline_bytes: Buffer.from('[redacted]').toString('base64') },
      },
    },
  });
});

test('a dump can be narrowed by resource, by mask and by name', async () => {
  const clusters = await dump('?resource=dynamic_active_clusters&mask=cluster.name');
  assert.deepEqual(clusters[1], {
    '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump.DynamicCluster',
    cluster: { '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', name: 'outbound|80||a.b' },
  });
  assert.equal((await ask('/config_dump?resource=dynamic_listeners')).body, '{}\n');
  assert.deepEqual(await ask('/config_dump?resource=nothing'), {
    status: 404,
    body: 'nothing not found in config dump',
  });
  for (const field of ['bootstrap', 'version_info']) {
    assert.deepEqual(await ask(`/config_dump?resource=${field}`), {
      status: 400,
      body: `${field} is not a repeated field. Use ?mask=${field} to get only this field`,
    });
  }
  const named = await dump('?name_regex=.*a%5C.b');
  const active = named[1]?.['dynamic_active_clusters'];
  assert.equal(Array.isArray(active) && active.length, 1);
  // It is the whole name that matches.
  assert.equal((await dump('?name_regex=a%5C.b'))[1]?.['dynamic_active_clusters'], undefined);
  assert.equal((await ask('/config_dump?name_regex=(')).status, 400);
});

test('a mask shows the parts that have its fields, and is refused where none has', async () => {
  assert.deepEqual(await dump('?mask=bootstrap.node.id'), [
    { '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump', bootstrap: { node: { id: 'me' } } },
  ]);
  assert.deepEqual((await dump('?mask=version_info')).map(typeOf), [
    'ClustersConfigDump',
    'ListenersConfigDump',
  ]);
  assert.equal((await dump('?mask=')).length, 6);
  for (const mask of [
    'nothing',
    'bootstrap.nothing',
    'static_clusters.cluster',
    'bootstrap.node,version_info',
  ]) {
    assert.deepEqual(await ask(`/config_dump?mask=${mask}`), {
      status: 400,
      body: `FieldMask ${mask} could not be successfully applied to any configs.`,
    });
  }
  assert.deepEqual(await ask('/config_dump?resource=static_clusters&mask=cluster.nothing'), {
    status: 400,
    body: 'FieldMask cluster.nothing could not be successfully used.',
  });
});

test('clusters are shown as lines and as JSON', async () => {
  const { body } = await ask('/clusters');
  for (const line of [
    'outbound|80||a.b::added_via_api::true',
    'outbound|80||a.b::outlier::success_rate_average::90',
    'outbound|80||a.b::outlier::success_rate_ejection_threshold::70',
    'outbound|80||a.b::outlier::local_origin_success_rate_average::-1',
    'outbound|80||a.b::default_priority::max_connections::1024',
    'outbound|80||a.b::10.0.0.1:80::cx_total::3',
    'outbound|80||a.b::10.0.0.1:80::health_flags::/failed_outlier_check',
  ]) {
    assert.ok(body.split('\n').includes(line), line);
  }
  assert.equal((await ask('/clusters?filter=%7C80%7C')).body, body);
  assert.equal((await ask('/clusters?filter=another')).body, '');
  assert.equal((await ask('/clusters?filter=another&format=json')).body, '{}\n');
  assert.equal((await ask('/clusters?filter=(')).status, 400);
  const json = JSON.parse((await ask('/clusters?format=json')).body) as {
    cluster_statuses: {
      success_rate_ejection_threshold: unknown;
      name: string;
      host_statuses: { health_status: Json; stats: Json[] }[];
    }[];
  };
  const [host] = json.cluster_statuses[0]?.host_statuses ?? [];
  assert.deepEqual(host?.health_status, { failed_outlier_check: true, eds_health_status: 'HEALTHY' });
  assert.deepEqual(json.cluster_statuses[0]?.success_rate_ejection_threshold, { value: 70 });
  assert.deepEqual(host?.stats[0], { name: 'cx_connect_fail' });
  assert.deepEqual(host?.stats[6], { type: 'GAUGE', value: '1', name: 'cx_active' });
});

test('what changes something takes POST only', async () => {
  for (const [path, call] of [
    ['/quitquitquit', 'quit'],
    ['/reset_counters', 'resetCounters'],
    ['/healthcheck/fail', 'healthy=false'],
    ['/healthcheck/ok', 'healthy=true'],
    ['/drain_listeners?graceful', 'drain all close'],
    ['/drain_listeners?skip_exit', 'drain all stay'],
  ] as const) {
    assert.deepEqual(await ask(path), { status: 405, body: 'Method GET not allowed, POST required.' });
    assert.ok(!calls.includes(call));
    assert.deepEqual(await ask(path, 'POST'), { status: 200, body: 'OK\n' });
    assert.equal(calls.pop(), call);
  }
});

test('levels of the log are changed while running', async () => {
  assert.equal((await ask('/logging?xds=debug', 'POST')).status, 200);
  assert.equal(logLevels.level('xds:lds'), 'debug');
  assert.equal(logLevels.level('data'), 'info');
  assert.match((await ask('/logging?level=warning', 'POST')).body, / {2}xds: warning/);
  assert.equal(logLevels.level('xds'), 'warn');
  // Tools set levels of Envoy's loggers too; the program's own name is not a scope around all others.
  assert.match(
    (await ask('/logging?paths=rbac:debug,http:debug,main:error', 'POST')).body,
    / {2}http: debug/,
  );
  assert.equal(logLevels.level('main:data:rbac'), 'debug');
  assert.equal(logLevels.level('main'), 'error');
  assert.equal(logLevels.level('main:xds'), 'warn');
  assert.equal(logLevels.level('agent:worker1:xds'), 'warn');
  for (const [query, problem] of [
    ['nothing=debug', 'unknown logger name'],
    ['paths=xds:debug,nothing:debug', 'unknown logger name'],
    ['xds=loud', 'unknown logger level'],
    ['xds=constructor', 'unknown logger level'],
    ['xds=debug&rds=debug', 'invalid number of parameters'],
  ] as const) {
    const { status, body } = await ask(`/logging?${query}`, 'POST');
    assert.equal(status, 400);
    assert.ok(body.startsWith(`error: ${problem}\n\nusage: /logging?`), body);
  }
  assert.equal(logLevels.level('xds'), 'warn');
});

test('readiness, server information, statistics and help are those of Envoy', async () => {
  assert.deepEqual(await ask('/ready'), { status: 503, body: 'INITIALIZING\n' });
  state = 'LIVE';
  assert.deepEqual(await ask('/ready'), { status: 200, body: 'LIVE\n' });
  const info = JSON.parse((await ask('/server_info')).body) as {
    state: string;
    node: { id: string };
    command_line_options: Json;
  };
  assert.equal(info.state, 'LIVE');
  assert.equal(info.node.id, 'me');
  // Every field is there, as tools that ask for one expect it.
  assert.equal(info.command_line_options['restart_epoch'], 0);
  assert.equal(info.command_line_options['mode'], 'Serve');
  assert.equal((await ask('/ready', 'PUT')).status, 200);
  assert.equal((await ask('/stats/prometheus')).body, 'envoy_x 1\n');
  assert.equal((await ask('/stats?filter=%5Ehttp')).body, 'http.b.downstream_rq_2xx: 2');
  const { body: help } = await ask('/help');
  assert.match(help, /^admin commands are:\n {2}\/: Admin home page\n {2}\/certs: /);
  assert.match(help, / {2}\/drain_listeners \(POST\): drain listeners\n {6}graceful: /);
  const unknown = await ask('/nothing');
  assert.equal(unknown.status, 404);
  assert.match(unknown.body, /^invalid path/);
  assert.match((await ask('/')).body, /<a href="\/clusters">/);
});

test('every answer in JSON is the message that Envoy has for it', async () => {
  const registry = typeRegistry(allTypes);
  const answers = [
    ['/certs', adminTypes.Certificates],
    ['/clusters?format=json', adminTypes.Clusters],
    ['/config_dump?include_eds', adminTypes.ConfigDump],
    ['/init_dump', adminTypes.UnreadyTargetsDumps],
    ['/listeners?format=json', adminTypes.Listeners],
    ['/memory', adminTypes.Memory],
    ['/server_info', adminTypes.ServerInfo],
  ] as const;
  for (const [path, type] of answers) {
    const { status, body } = await ask(path);
    assert.equal(status, 200, path);
    const message = fromJson<unknown>(type, JSON.parse(body), { registry });
    assert.deepEqual(message.ok ? [] : message.problems, [], path);
  }
});

test('tools are told which program this is, and every address of a listener', async () => {
  const [bootstrap] = await dump();
  const info = JSON.parse((await ask('/server_info')).body) as Json;
  for (const shown of [bootstrap?.['bootstrap'], info] as { node: Json }[]) {
    assert.equal(shown.node['user_agent_name'], 'lateen');
    const { version } = shown.node['user_agent_build_version'] as { version: Json };
    assert.equal(version['major_number'], 1);
    assert.equal(version['minor_number'], 32);
  }
  const { listener_statuses } = JSON.parse((await ask('/listeners?format=json')).body) as {
    listener_statuses: Json[];
  };
  const at = (port: number): Json => ({ socket_address: { address: '0.0.0.0', port_value: port } });
  assert.deepEqual(listener_statuses, [
    { name: 'both', local_address: at(8_080), additional_local_addresses: [at(8_081)] },
  ]);
});

test('profiles of the processor and of the heap are written where the bootstrap says', async () => {
  for (const [path, file, has] of [
    ['/cpuprofiler', 'proxy.cpuprofile', 'nodes'],
    ['/heapprofiler', 'proxy.heapprofile', 'head'],
  ] as const) {
    assert.equal((await ask(`${path}?enable=y`)).status, 405);
    assert.deepEqual(await ask(path, 'POST'), { status: 400, body: '?enable=<y|n>\n' });
    assert.equal((await ask(`${path}?enable=n`, 'POST')).status, 400);
    assert.deepEqual(await ask(`${path}?enable=y`, 'POST'), { status: 200, body: 'OK\n' });
    assert.equal((await ask(`${path}?enable=y`, 'POST')).status, 400);
    assert.deepEqual(await ask(`${path}?enable=n`, 'POST'), { status: 200, body: 'OK\n' });
    assert.ok(has in (JSON.parse(readFileSync(join(profiles, file), 'utf8')) as Json));
  }
});

test('paths of Envoy that have nothing to say here say so', async () => {
  assert.match((await ask('/contention')).body, /^Mutex contention tracing is not enabled/);
  assert.equal((await ask('/hystrix_event_stream')).status, 501);
  assert.equal((await ask('/tap', 'POST')).status, 501);
  assert.match((await ask('/stats/recentlookups')).body, /is not enabled/);
  assert.equal((await ask('/stats/recentlookups/enable', 'POST')).body, 'OK\n');
  assert.equal((await ask('/stats/recentlookups')).body, '   Count Lookup\n\ntotal: 0\n');
  assert.equal((await ask('/stats/recentlookups/clear', 'POST')).body, 'OK\n');
  assert.equal((await ask('/stats/recentlookups/disable', 'POST')).body, 'OK\n');
  assert.match((await ask('/stats/recentlookups')).body, /is not enabled/);
  assert.equal((await ask('/stats?hidden=only')).body, '');
  assert.equal((await ask('/stats?hidden=all')).status, 400);
  assert.equal((await ask('/init_dump?mask=listener')).body, '{}\n');
  const masked = JSON.parse((await ask('/init_dump?mask=unready_targets_dumps')).body) as Json;
  assert.deepEqual(masked, JSON.parse((await ask('/init_dump')).body));
});

test('parameters may come as a form in place of the path', async () => {
  const { address } = admin;
  if (address.kind === 'pipe') throw new LateenError('ETEST', 'no port');
  const post = (path: string, body: URLSearchParams): Promise<Response> =>
    fetch(`http://127.0.0.1:${address.port}${path}`, { method: 'POST', body });
  const changed = await post('/logging', new URLSearchParams({ xds: 'trace' }));
  assert.match(await changed.text(), /xds: trace/);
  assert.match((await ask('/logging', 'POST')).body, /xds: trace/);
  // As in Envoy those of the path hold alone.
  await post('/logging?xds=info', new URLSearchParams({ xds: 'debug' }));
  assert.match((await ask('/logging', 'POST')).body, /xds: info/);
  const large = new URLSearchParams({ paths: 'x'.repeat(1_100_000) });
  assert.equal((await post('/logging', large)).status, 413);
});
