import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatProblem, type Problem } from '@lateen/core';
import { decodeConfig } from './decode-config.ts';
import { configKindOf } from './kinds/config-kinds.ts';
import { parseManifests } from './manifest/parse-manifests.ts';

const groups: Record<string, string> = {
  PeerAuthentication: 'security.istio.io/v1',
  RequestAuthentication: 'security.istio.io/v1beta1',
  AuthorizationPolicy: 'security.istio.io/v1',
  Telemetry: 'telemetry.istio.io/v1alpha1',
  WasmPlugin: 'extensions.istio.io/v1alpha1',
  EnvoyFilter: 'networking.istio.io/v1alpha3',
};

/** Problems of a spec written as YAML. */
function problemsOf(kind: string, spec: string): readonly Problem[] {
  const { documents } = parseManifests(spec, 'spec');
  const decoded = decodeConfig({
    apiVersion: groups[kind] ?? 'networking.istio.io/v1beta1',
    kind,
    metadata: { name: 'x', namespace: 'default' },
    spec: documents[0]?.object ?? {},
  });
  return decoded.ok ? [] : decoded.problems;
}

function lines(kind: string, spec: string): string[] {
  return problemsOf(kind, spec).map(formatProblem);
}

/** Each bad spec with what must be said about it: path, then words of the message. */
const bad: [kind: string, spec: string, path: string, words: RegExp][] = [
  ['VirtualService', 'hosts: [a]', 'spec', /at least one rule/],
  ['VirtualService', 'hosts: [a]\nhttp: [{rout: []}]', 'spec.http[0].rout', /did you mean route\?/],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{route: [{destination: {host: a}, weight: -1}]}]',
    'spec.http[0].route[0].weight',
    /0 or more, not -1/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{route: [{destination: {host: a}, weight: "1"}]}]',
    'spec.http[0].route[0].weight',
    /must be a number, not the string/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{route: [{destination: {host: a}, weight: 0}, {destination: {host: b}, weight: 0}]}]',
    'spec.http[0].route',
    /must not all be 0/,
  ],
  [
    'VirtualService',
    'hosts: ["*"]\nhttp: [{route: [{destination: {host: a}}]}]',
    'spec.hosts[0]',
    /only allowed at gateways/,
  ],
  ['VirtualService', 'hosts: [a, a]\nhttp: [{route: [{destination: {host: a}}]}]', 'spec.hosts[1]', /twice/],
  [
    'VirtualService',
    'hosts: ["a b"]\nhttp: [{route: [{destination: {host: a}}]}]',
    'spec.hosts[0]',
    /host name/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{redirect: {uri: /x}, route: [{destination: {host: a}}]}]',
    'spec.http[0]',
    /only one of route, redirect/,
  ],
  ['VirtualService', 'hosts: [a]\nhttp: [{name: first}]', 'spec.http[0]', /must have one of route, redirect/],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{redirect: {redirectCode: 305, uri: /}}]',
    'spec.http[0].redirect.redirectCode',
    /301, 302/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{match: [{uri: {exact: /a, prefix: /b}}], route: [{destination: {host: a}}]}]',
    'spec.http[0].match[0].uri',
    /only one of exact, prefix/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{match: [{uri: {regex: "(?=a)"}}], route: [{destination: {host: a}}]}]',
    'spec.http[0].match[0].uri.regex',
    /RE2/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{match: [{headers: {"end user": {exact: a}}}], route: [{destination: {host: a}}]}]',
    'spec.http[0].match[0].headers["end user"]',
    /name of a header/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{match: [{headers: {":protocol": {exact: a}}}], route: [{destination: {host: a}}]}]',
    'spec.http[0].match[0].headers[":protocol"]',
    /name of a header/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{fault: {delay: {percent: 101, fixedDelay: 7s}}, route: [{destination: {host: a}}]}]',
    'spec.http[0].fault.delay.percent',
    /from 0 to 100/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{fault: {delay: {fixedDelay: 7}}, route: [{destination: {host: a}}]}]',
    'spec.http[0].fault.delay.fixedDelay',
    /must be a string.*"7"/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{fault: {abort: {percentage: {value: 1}}}, route: [{destination: {host: a}}]}]',
    'spec.http[0].fault.abort',
    /httpStatus or grpcStatus/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{timeout: 5 s, route: [{destination: {host: a}}]}]',
    'spec.http[0].timeout',
    /7s, 250ms/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{timeout: 0.5ms, route: [{destination: {host: a}}]}]',
    'spec.http[0].timeout',
    /at least 1ms/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{retries: {attempts: 3, retryOn: "5xx,conect-failure"}, route: [{destination: {host: a}}]}]',
    'spec.http[0].retries.retryOn',
    /did you mean connect-failure\?/,
  ],
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{route: [{destination: {host: "*.a"}}]}]',
    'spec.http[0].route[0].destination.host',
    /without a wildcard/,
  ],
  [
    'VirtualService',
    'hosts: [a]\ntls: [{match: [{sniHosts: [b]}], route: [{destination: {host: a}}]}]',
    'spec.tls[0].match[0].sniHosts[0]',
    /covered by none/,
  ],
  [
    'VirtualService',
    'hosts: [a]\ntcp: [{match: [{port: 1}]}]',
    'spec.tcp[0].route',
    /at least one destination/,
  ],
  ['DestinationRule', 'subsets: []', 'spec.host', /is required/],
  ['DestinationRule', 'host: a\nsubsets: [{name: v1}, {name: v1}]', 'spec.subsets[1].name', /twice/],
  ['DestinationRule', 'host: a\nsubsets: [{name: V_1}]', 'spec.subsets[0].name', /lower-case/],
  [
    'DestinationRule',
    'host: a\ntrafficPolicy: {loadBalancer: {simple: ROUNDROBIN}}',
    'spec.trafficPolicy.loadBalancer.simple',
    /did you mean ROUND_ROBIN\?/,
  ],
  [
    'DestinationRule',
    'host: a\ntrafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}}',
    'spec.trafficPolicy.loadBalancer',
    /only one of simple, consistentHash/,
  ],
  [
    'DestinationRule',
    'host: a\ntrafficPolicy: {tls: {mode: MUTUAL}}',
    'spec.trafficPolicy.tls.clientCertificate',
    /required for mode MUTUAL/,
  ],
  [
    'DestinationRule',
    'host: a\ntrafficPolicy: {outlierDetection: {maxEjectionPercent: 200}}',
    'spec.trafficPolicy.outlierDetection.maxEjectionPercent',
    /from 0 to 100/,
  ],
  [
    'DestinationRule',
    'host: a\ntrafficPolicy: {portLevelSettings: [{tls: {mode: DISABLE}}]}',
    'spec.trafficPolicy.portLevelSettings[0].port.number',
    /is required/,
  ],
  ['Gateway', 'selector: {istio: a}', 'spec.servers', /at least one/],
  [
    'Gateway',
    'servers: [{port: {number: 80, name: http, protocol: HTPP}, hosts: ["*"]}]',
    'spec.servers[0].port.protocol',
    /one of HTTP, HTTP2/,
  ],
  [
    'Gateway',
    'servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"]}]',
    'spec.servers[0].tls',
    /required for protocol HTTPS/,
  ],
  [
    'Gateway',
    'servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE}}]',
    'spec.servers[0].tls.serverCertificate',
    /credentialName/,
  ],
  [
    'Gateway',
    'servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: a}}]',
    'spec.servers[0].tls',
    /only httpsRedirect/,
  ],
  [
    'Gateway',
    'servers: [{port: {number: 70000, name: http, protocol: HTTP}, hosts: ["*"]}]',
    'spec.servers[0].port.number',
    /from 1 to 65535/,
  ],
  [
    'Gateway',
    'servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["a..b"]}]',
    'spec.servers[0].hosts[0]',
    /host name/,
  ],
  [
    'Gateway',
    'servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: [a]}, {port: {number: 81, name: a, protocol: HTTP}, hosts: [a]}]',
    'spec.servers[1].port.name',
    /twice/,
  ],
  ['ServiceEntry', 'hosts: ["*"]', 'spec.hosts[0]', /not allowed/],
  [
    'ServiceEntry',
    'hosts: ["*.a.com"]\nresolution: DNS',
    'spec.hosts[0]',
    /full host name for resolution DNS/,
  ],
  ['ServiceEntry', 'hosts: [a.com]\nresolution: STATIC', 'spec.endpoints', /required for resolution STATIC/],
  [
    'ServiceEntry',
    'hosts: [a.com]\nresolution: STATIC\nports: [{number: 1, name: a, protocol: TCP}]\nendpoints: [{address: 1.1.1.1, ports: {b: 2}}]',
    'spec.endpoints[0].ports.b',
    /there is no port b/,
  ],
  ['ServiceEntry', 'hosts: [a.com]\naddresses: [1.2.3]', 'spec.addresses[0]', /IP address/],
  ['Sidecar', 'egress: [{hosts: [reviews]}]', 'spec.egress[0].hosts[0]', /NAMESPACE\/HOST/],
  ['PeerAuthentication', 'mtls: {mode: STRICKT}', 'spec.mtls.mode', /did you mean STRICT\?/],
  ['PeerAuthentication', 'portLevelMtls: {"80": {mode: STRICT}}', 'spec.portLevelMtls', /needs a selector/],
  [
    'RequestAuthentication',
    'jwtRules: [{issuer: a, timeout: 0s}]',
    'spec.jwtRules[0].timeout',
    /at least 1ms/,
  ],
  ['RequestAuthentication', 'jwtRules: [{issuer: a, jwksUri: ftp://x}]', 'spec.jwtRules[0].jwksUri', /http/],
  [
    'RequestAuthentication',
    'jwtRules: [{issuer: a, outputClaimToHeaders: [{header: "x y", claim: b}]}]',
    'spec.jwtRules[0].outputClaimToHeaders[0].header',
    /name of a header/,
  ],
  ...(
    [
      ['from: [{source: {}}]', 'from[0].source', /at least one property/],
      ['from: [{source: {principals: []}}]', 'from[0].source', /at least one property/],
      ['from: [{source: {principals: [""]}}]', 'from[0].source.principals[0]', /empty/],
      ['from: [{source: {ipBlocks: [1.2.3]}}]', 'from[0].source.ipBlocks[0]', /CIDR/],
      [
        'from: [{source: {serviceAccounts: [a], namespaces: [b]}}]',
        'from[0].source.serviceAccounts',
        /NAMESPACE\/ACCOUNT/,
      ],
      ['from: [{source: {serviceAccounts: [a/*]}}]', 'from[0].source.serviceAccounts[0]', /full name/],
      ['to: [{operation: {paths: ["/a{*}"]}}]', 'to[0].operation.paths[0]', /whole segment/],
      ['to: [{operation: {paths: ["/{**}/{*}"]}}]', 'to[0].operation.paths[0]', /after \{\*\*\}/],
      ['to: [{operation: {paths: ["/{**}/a/{**}"]}}]', 'to[0].operation.paths[0]', /only once/],
      ['when: [{key: "request.headers[a][b]", values: [c]}]', 'when[0].key', /must be one of/],
      ['when: [{key: "request.auth.claims[]", values: [c]}]', 'when[0].key', /must be one of/],
      ['when: [{key: destination.port, values: [http]}]', 'when[0].values[0]', /port number/],
      ['when: [{key: source.ip, notValues: [a]}]', 'when[0].notValues[0]', /CIDR/],
    ] as const
  ).map(([rule, path, words]): [string, string, string, RegExp] => [
    'AuthorizationPolicy',
    `rules: [{${rule}}]`,
    `spec.rules[0].${path}`,
    words,
  ]),
  [
    'VirtualService',
    'hosts: [a]\nhttp: [{match: [{withoutHeaders: {"@request.auth.claims.a": {}}}], route: [{destination: {host: a}}]}]',
    'spec.http[0].match[0].withoutHeaders["@request.auth.claims.a"]',
    /can only be matched at gateways: name one in spec\.gateways/,
  ],
  [
    'AuthorizationPolicy',
    'action: CUSTOM\nprovider: {name: a}\nrules: [{from: [{source: {requestPrincipals: ["*"]}}]}]',
    'spec.rules[0].from[0].source.requestPrincipals',
    /tokens are verified after it/,
  ],
  [
    'AuthorizationPolicy',
    'selector: {matchLabels: {a: b}}\ntargetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: a}]',
    'spec.targetRefs',
    /together with selector/,
  ],
  ['AuthorizationPolicy', 'targetRefs: [{kind: Pod, name: a}]', 'spec.targetRefs[0].kind', /must be one of/],
  ['AuthorizationPolicy', 'targetRefs: [{kind: Gateway, name: a}]', 'spec.targetRefs[0].group', /gateway/],
  ['AuthorizationPolicy', 'action: CUSTOM\nrules: [{}]', 'spec.provider.name', /required for action CUSTOM/],
  [
    'AuthorizationPolicy',
    'rules: [{to: [{operation: {ports: [http]}}]}]',
    'spec.rules[0].to[0].operation.ports[0]',
    /port number/,
  ],
  [
    'AuthorizationPolicy',
    'rules: [{when: [{key: request.header, values: [a]}]}]',
    'spec.rules[0].when[0].key',
    /must be one of/,
  ],
  [
    'AuthorizationPolicy',
    'rules: [{when: [{key: "experimental.envoy.filters.a[b]", values: [c]}]}]',
    'spec.rules[0].when[0].key',
    /must be one of/,
  ],
  [
    'EnvoyFilter',
    'configPatches: [{applyTo: CLUSTER, match: {listener: {}}, patch: {operation: REMOVE}}]',
    'spec.configPatches[0].match.listener',
    /use cluster/,
  ],
  ['WasmPlugin', 'url: ftp://x', 'spec.url', /oci/],
];

test('what is wrong is named by its path, with what is allowed', () => {
  for (const [kind, spec, path, words] of bad) {
    const found = problemsOf(kind, spec);
    const named = found.find((problem) => problem.path === path);
    assert.ok(
      named !== undefined,
      `${kind} ${spec}\n  wanted ${path}, got ${found.map(formatProblem).join('; ') || 'nothing'}`,
    );
    assert.match(named.message, words);
  }
});

test('what is wrong in meaning is named beside what is wrong in shape', () => {
  assert.deepEqual(
    problemsOf(
      'VirtualService',
      'hosts: [a, "*"]\nhttp: [{timeout: soon, route: [{destination: {host: "*.a"}}], match: [{uri: {regex: "("}}, {urii: {}}]}]',
    ).map(({ path }) => path),
    [
      'spec.http[0].timeout',
      'spec.http[0].match[1].urii',
      'spec.hosts[1]',
      'spec.http[0].match[0].uri.regex',
      'spec.http[0].route[0].destination.host',
    ],
  );
  // What a mistyped field leaves open is not blamed a second time.
  assert.equal(problemsOf('VirtualService', 'hosts: [a]\nhttp: [{rout: []}]').length, 1);
  assert.equal(problemsOf('VirtualService', 'hosts: [a]\nhttp: [{route: [{destination: {}}]}]').length, 1);
});

test('expressions that would cost a proxy much memory are refused', () => {
  const [problem] = problemsOf(
    'VirtualService',
    `hosts: [a]\nhttp: [{match: [{uri: {regex: "${'a{1000}'.repeat(20)}"}}], route: [{destination: {host: a}}]}]`,
  );
  assert.match(problem?.message ?? '', /too large: it takes 20\d+ steps/);
});

test('all that is wrong is named, not only the first', () => {
  assert.equal(
    lines(
      'VirtualService',
      'hosts: [a]\ngateway: [x]\nhttp: [{match: [{uri: {exat: /}}], route: [{destination: {subset: v1}}]}]',
    ).length,
    3,
  );
});

test('the manifests of the samples are all valid', () => {
  const root = new URL('../../../samples/', import.meta.url);
  let checked = 0;
  for (const file of globSync('**/*.yaml', { cwd: root })) {
    const { documents, problems } = parseManifests(readFileSync(new URL(file, root), 'utf8'), file);
    assert.deepEqual(problems, []);
    for (const { object } of documents) {
      if (configKindOf(String(object['apiVersion']), String(object['kind'])) === undefined) continue;
      const decoded = decodeConfig(object);
      assert.ok(decoded.ok, `${file}: ${decoded.ok ? '' : decoded.problems.map(formatProblem).join('; ')}`);
      checked++;
    }
  }
  assert.ok(checked > 5, `only ${checked} found`);
});

function decoded(kind: string, spec: string): Record<string, unknown> {
  const { documents } = parseManifests(spec, 'spec');
  const result = decodeConfig({
    apiVersion: groups[kind] ?? 'networking.istio.io/v1alpha3',
    kind,
    metadata: { name: 'x' },
    spec: documents[0]?.object,
  });
  assert.ok(result.ok, JSON.stringify(result));
  return { ...result.value.spec };
}

test('deprecated fields come out as their successors', () => {
  assert.deepEqual(
    decoded(
      'VirtualService',
      `hosts: [a]
http:
- fault: {delay: {percent: 100, fixedDelay: 7s}, abort: {percent: 5, httpStatus: 503}}
  mirror: {host: b}
  mirror_percent: 10
  websocketUpgrade: true
  corsPolicy: {allowOrigin: ["*", "http://a"]}
  appendHeaders: {x: "1"}
  route: [{destination: {host: a}, removeResponseHeaders: [x-y]}]`,
    ),
    {
      hosts: ['a'],
      http: [
        {
          fault: {
            delay: { fixedDelay: '7s', percentage: { value: 100 } },
            abort: { httpStatus: 503, percentage: { value: 5 } },
          },
          mirror: { host: 'b' },
          mirrorPercentage: { value: 10 },
          corsPolicy: { allowOrigins: [{ regex: '.*' }, { exact: 'http://a' }] },
          headers: { request: { add: { x: '1' } }, response: {} },
          route: [{ destination: { host: 'a' }, headers: { request: {}, response: { remove: ['x-y'] } } }],
        },
      ],
    },
  );
  assert.deepEqual(
    decoded(
      'DestinationRule',
      `host: a
trafficPolicy:
  loadBalancer: {simple: LEAST_CONN, warmupDurationSecs: 30s}
  outlierDetection: {consecutiveErrors: 1, interval: 1s, baseEjectionTime: 3m, maxEjectionPercent: 100}`,
    ),
    {
      host: 'a',
      trafficPolicy: {
        loadBalancer: { simple: 'LEAST_REQUEST', warmup: { duration: '30s' } },
        outlierDetection: {
          consecutiveGatewayErrors: 1,
          interval: '1s',
          baseEjectionTime: '3m',
          maxEjectionPercent: 100,
        },
      },
    },
  );
});

test('an object without deprecated fields keeps its spec as it is', () => {
  const spec = { host: 'a', subsets: [{ name: 'v1', labels: { version: 'v1' } }] };
  const result = decodeConfig({
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'x' },
    spec,
  });
  assert.ok(result.ok);
  assert.equal(result.value.spec, spec);
});

test('a field that is null counts as not there', () => {
  assert.deepEqual(
    decoded(
      'DestinationRule',
      'host: a\nsubsets: null\ntrafficPolicy: {tls: null, loadBalancer: {simple: RANDOM}}',
    ),
    {
      host: 'a',
      trafficPolicy: { loadBalancer: { simple: 'RANDOM' } },
    },
  );
});

test('unknown kinds and versions are told what there is', () => {
  const of = (apiVersion: string, kind: string): string => {
    const result = decodeConfig({ apiVersion, kind, metadata: { name: 'x' } });
    assert.ok(!result.ok);
    return formatProblem(result.problems[0]!);
  };
  assert.match(of('networking.istio.io/v2', 'Gateway'), /networking\.istio\.io\/v1, .*v1alpha3/);
  assert.match(of('networking.istio.io/v1', 'VirtualServices'), /did you mean VirtualService\?/);
  assert.match(of('networking.istio.io/v1', 'DestinationRule'), /spec: is required, with at least host/);
});
