// EnvoyFilter: what proxies are sent is changed by the user's own patches, as on Istio's page on local rate limits.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCluster, type TestCluster } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startCluster('');
  await cluster.sh('kubectl label namespace default istio-injection=enabled');
  await cluster.sh('kubectl apply -f samples/helloworld/helloworld.yaml -f samples/sleep/sleep.yaml');
  await cluster.sh('kubectl wait --for=condition=Ready pod --all --timeout=30s');
});
after(() => cluster.remove());

/** The head of an answer of helloworld. */
function hello(): Promise<string> {
  return cluster.sh(
    'kubectl exec deploy/sleep -c sleep -- curl -s -o /dev/null -D - http://helloworld:5000/hello',
  );
}

function filter(name: string, app: string, patches: string): string {
  return `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: ${name} }
spec:
  workloadSelector: { labels: { app: ${app} } }
  configPatches:
${patches}`;
}

async function apply(manifest: string): Promise<string> {
  const { code, stderr } = await cluster.trySh(`kubectl apply -f - <<'EOF'\n${manifest}\nEOF`);
  return code === 0 ? `applied ${stderr}` : stderr;
}

const inboundManager = `      match:
        context: SIDECAR_INBOUND
        listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager } } }`;

test('a filter in a TypedStruct limits what a workload takes, while it is there', async () => {
  const patch = `    - applyTo: HTTP_FILTER
${inboundManager}
      patch:
        operation: INSERT_BEFORE
        value:
          name: envoy.filters.http.local_ratelimit
          typed_config:
            "@type": type.googleapis.com/udpa.type.v1.TypedStruct
            type_url: type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
            value:
              stat_prefix: http_local_rate_limiter
              token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: 600s }
              filter_enabled: { default_value: { numerator: 100, denominator: HUNDRED } }
              filter_enforced: { default_value: { numerator: 100, denominator: HUNDRED } }
              response_headers_to_add: [{ header: { key: x-local-rate-limit, value: "true" } }]`;
  assert.match(await hello(), /^HTTP\/1.1 200 /);
  assert.match(await apply(filter('limit', 'helloworld', patch)), /^applied/);
  await eventually(async () => {
    const head = await hello();
    assert.match(head, /^HTTP\/1.1 429 /);
    assert.match(head, /x-local-rate-limit: true/);
  });
  await cluster.sh('kubectl delete envoyfilter limit');
  await eventually(async () => {
    for (let i = 0; i < 4; i++) assert.match(await hello(), /^HTTP\/1.1 200 /);
  });
});

test('a filter takes its configuration from another patch, by name, and the new one when it changes', async () => {
  const patches = (status: number): string => `    - applyTo: EXTENSION_CONFIG
      patch:
        operation: ADD
        value:
          name: abort
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
            abort: { http_status: ${status}, percentage: { numerator: 100 } }
    - applyTo: HTTP_FILTER
${inboundManager}
      patch:
        operation: INSERT_BEFORE
        value:
          name: abort
          config_discovery:
            config_source: { ads: {}, initial_fetch_timeout: 0s }
            type_urls: [type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault]`;
  for (const status of [418, 429]) {
    assert.match(await apply(filter('discovered', 'helloworld', patches(status))), /^applied/);
    await eventually(async () => assert.match(await hello(), new RegExp(`^HTTP/1.1 ${status} `)));
  }
  assert.match(await cluster.sh('istioctl proxy-status'), /helloworld-v1\S+ +Kubernetes(?: +SYNCED){5} /);
  await cluster.sh('kubectl delete envoyfilter discovered');
  await eventually(async () => assert.match(await hello(), /^HTTP\/1.1 200 /));
});

test('routes and clusters of a client are merged with what a filter says', async () => {
  const patches = `    - applyTo: HTTP_ROUTE
      match:
        context: SIDECAR_OUTBOUND
        routeConfiguration:
          portNumber: 5000
          vhost: { name: "helloworld.default.svc.cluster.local:5000", route: { action: ANY } }
      patch:
        operation: MERGE
        value: { response_headers_to_add: [{ header: { key: x-patched, value: "yes" } }] }
    - applyTo: CLUSTER
      match: { cluster: { service: helloworld.default.svc.cluster.local } }
      patch: { operation: MERGE, value: { alt_stat_name: patched } }`;
  assert.match(await apply(filter('client', 'sleep', patches)), /^applied/);
  await eventually(async () => assert.match(await hello(), /x-patched: yes/));
  await eventually(async () => {
    await hello();
    const count = await cluster.sh(
      'kubectl exec deploy/sleep -c istio-proxy -- curl -s "localhost:15000/stats?filter=patched.upstream_rq_total"',
    );
    assert.match(count, /^cluster\.patched\.upstream_rq_total: [1-9]/m);
  });
});

test('a field that Envoy does not have is refused by its path', async () => {
  const patches = `    - applyTo: CLUSTER
      patch: { operation: MERGE, value: { conect_timeout: 1s } }`;
  const problem =
    /spec\.configPatches\[0\]\.patch\.value\.conect_timeout: is not a field of envoy\.config\.cluster\.v3\.Cluster; did you mean connect_timeout\?/;
  const manifest = filter('bad', 'sleep', patches);
  assert.match(await apply(manifest), problem);
  const { code, stderr } = await cluster.trySh(`istioctl validate -f - <<'EOF'\n${manifest}\nEOF`);
  assert.equal(code, 1);
  assert.match(stderr, problem);
});

test('a filter that proxies do not have is refused by its listener alone, which goes on as it was', async () => {
  const patch = `    - applyTo: HTTP_FILTER
${inboundManager}
      patch:
        operation: INSERT_FIRST
        value:
          name: envoy.filters.http.lua
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
            default_source_code: { inline_string: "function envoy_on_request(handle) end" }`;
  const warned = await apply(filter('lua', 'helloworld', patch));
  assert.match(warned, /^applied .*v3\.Lua runs programs of others/s);
  await eventually(async () => {
    const status = await cluster.sh('istioctl proxy-status');
    assert.match(status, /^helloworld-v1\S+ +Kubernetes +SYNCED +NACK +SYNCED +SYNCED/m);
    assert.match(status, /^sleep\S+ +Kubernetes( +SYNCED){4}/m);
  });
  assert.match(
    await cluster.sh('istioctl proxy-status deploy/helloworld-v1'),
    /Listeners Don't Match\n +- virtualInbound is refused: .*envoy\.filters\.http\.lua/,
  );
  assert.match(
    await cluster.sh('kubectl logs deploy/helloworld-v1 -c istio-proxy'),
    /LDS virtualInbound refused.*envoy\.filters\.http\.lua.*is not supported/,
  );
  assert.match(await hello(), /^HTTP\/1.1 200 /);
  await cluster.sh('kubectl delete envoyfilter lua');
  await eventually(async () => assert.doesNotMatch(await cluster.sh('istioctl proxy-status'), /NACK/));
});
