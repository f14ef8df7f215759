import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatProblem, type Result } from '@lateen/core';
import { Bootstrap } from '@lateen/protocol/envoy/config/bootstrap/v3';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { Address, Node } from '@lateen/protocol/envoy/config/core/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { Route, VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import { CheckSettings } from '@lateen/protocol/envoy/extensions/filters/http/ext_authz/v3';
import { Router } from '@lateen/protocol/envoy/extensions/filters/http/router/v3';
import { TlsCertificate } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { DiscoveryResponse } from '@lateen/protocol/envoy/service/discovery/v3';
import { TypedStruct } from '@lateen/protocol/xds/type/v3';
import { anyIs, packAny, typeRegistry, unpackAny, unpackAs } from './any.ts';
import type { UnknownField } from './byte-reader.ts';
import { decode } from './decode.ts';
import { encode } from './encode.ts';
import { fromJson } from './from-json.ts';
import type { JsonObject } from './struct.ts';
import { toJson } from './to-json.ts';
import { Duration, FloatValue, StringValue, Struct } from './well-known.ts';

function problemsOf(result: Result<unknown>): string[] {
  return result.ok ? [] : result.problems.map(formatProblem);
}

function valueOf<T>(result: Result<T>): T {
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

const registry = typeRegistry([Router, StringValue, Duration, Struct]);

describe('encode', () => {
  test('refuses two members of a oneof', () => {
    assert.throws(
      () => encode(Address, { socketAddress: { address: 'a' }, pipe: { path: '/p' } }),
      /only one of socketAddress and pipe may be set/,
    );
  });

  test('names the field of a value that does not fit', () => {
    const assignment = { endpoints: [{ lbEndpoints: [{ loadBalancingWeight: '3' as unknown as number }] }] };
    assert.throws(
      () => encode(ClusterLoadAssignment, assignment),
      /endpoints\[0\]\.lbEndpoints\[0\]\.loadBalancingWeight: must be a uint32/,
    );
    assert.throws(
      () => encode(Cluster, { type: 'EDSS' as 'EDS' }),
      /type: must be a .*DiscoveryType, not "EDSS"/,
    );
    assert.throws(() => encode(Node, { id: 1 as unknown as string }), /id: must be a string, not 1/);
  });

  test('keeps a zero where absence means something else', () => {
    const zero = { route: { cluster: 'c', timeout: 0 } };
    assert.deepEqual(valueOf(decode(Route, encode(Route, zero))), zero);
  });

  test('gives the same bytes for a map in any order', () => {
    assert.deepEqual(
      encode(Struct, { a: 1, b: { c: 2, d: [3] } }),
      encode(Struct, { b: { d: [3], c: 2 }, a: 1 }),
    );
  });

  test('joins: parts of a message, encoded alone, are the message when put together', () => {
    const resources = [packAny(Router, {}), packAny(StringValue, 'x')];
    const parts = [
      encode(DiscoveryResponse, { versionInfo: '1' }),
      ...resources.map((resource) => encode(DiscoveryResponse, { resources: [resource] })),
      encode(DiscoveryResponse, { nonce: 'n' }),
    ];
    assert.deepEqual(valueOf(decode(DiscoveryResponse, Buffer.concat(parts))), {
      versionInfo: '1',
      resources,
      nonce: 'n',
    });
  });
});

describe('decode', () => {
  test('names the path of what is wrong', () => {
    const bytes = encode(Listener, { filterChains: [{ name: 'a' }, { name: 'bb' }] });
    const broken = bytes.subarray(0, bytes.length - 1);
    assert.deepEqual(problemsOf(decode(Listener, broken)), [
      'filterChains[1]: truncated: 4 bytes announced, 3 left',
    ]);
    // The name of the second chain, in Latin-1.
    bytes[bytes.length - 1] = 0xfc;
    assert.deepEqual(problemsOf(decode(Listener, bytes)), ['filterChains[1].name: is not valid UTF-8']);
  });

  test('reports fields that the type does not have, wherever they are', () => {
    // Listener { address { socket_address {}, 900: 1 }, 901: "x" }
    const bytes = Uint8Array.of(0x12, 0x05, 0x0a, 0x00, 0xa0, 0x38, 0x01, 0xaa, 0x38, 0x01, 0x78);
    const unknown: UnknownField[] = [];
    assert.deepEqual(valueOf(decode(Listener, bytes, { unknown })), { address: { socketAddress: {} } });
    assert.deepEqual(unknown, [
      { typeName: 'envoy.config.core.v3.Address', number: 900 },
      { typeName: 'envoy.config.listener.v3.Listener', number: 901 },
    ]);
  });

  test('refuses messages that nest too deep instead of exhausting the stack', () => {
    let bytes = new Uint8Array();
    for (let i = 0; i < 5000; i++) {
      // Struct { fields: { "": Value { struct_value: … } } }
      const value = Buffer.concat([Uint8Array.of(0x2a), varint(bytes.length), bytes]);
      const entry = Buffer.concat([Uint8Array.of(0x12), varint(value.length), value]);
      bytes = new Uint8Array(Buffer.concat([Uint8Array.of(0x0a), varint(entry.length), entry]));
    }
    assert.match(problemsOf(decode(Struct, bytes))[0] ?? '', /nested deeper than 100/);
  });

  test('takes __proto__ as the key that it is', () => {
    const struct = JSON.parse('{"__proto__": {"polluted": true}}') as { [key: string]: never };
    const decoded = valueOf(decode(Struct, encode(Struct, struct)));
    assert.deepEqual(Object.keys(decoded), ['__proto__']);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });
});

describe('fromJson', () => {
  test('finds every problem, with the path as it was written and what was meant', () => {
    const json = {
      name: 'c',
      connect_timeout: '5',
      lbPolicyy: 'ROUND_ROBIN',
      type: 'STATICC',
      load_assignment: { endpoints: [{ priority: -1, lbEndpoints: [{ health_status: 7.5 }] }] },
      metadata: null,
    };
    assert.deepEqual(problemsOf(fromJson(Cluster, json)), [
      'connect_timeout: must be a duration in seconds such as "0.25s"',
      'lbPolicyy: is not a field of envoy.config.cluster.v3.Cluster; did you mean lbPolicy?',
      'type: must be one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST ' +
        '(envoy.config.cluster.v3.Cluster.DiscoveryType), not "STATICC"',
      'load_assignment.endpoints[0].priority: must be between 0 and 4294967295, not -1',
      'load_assignment.endpoints[0].lbEndpoints[0].health_status: must be one of UNKNOWN, HEALTHY, UNHEALTHY, ' +
        'DRAINING, TIMEOUT, DEGRADED (envoy.config.core.v3.HealthStatus), not 7.5',
    ]);
  });

  test('refuses two members of a oneof and a field under both of its names', () => {
    assert.deepEqual(
      problemsOf(
        fromJson(Route, {
          route: {},
          redirect: {},
          request_headers_to_remove: ['a'],
          requestHeadersToRemove: ['b'],
        }),
      ),
      [
        'redirect: only one of route and redirect may be set',
        'requestHeadersToRemove: is given twice, under both of its names',
      ],
    );
  });

  test('reads an Any by its @type, and says which it does not know', () => {
    const host = {
      typedPerFilterConfig: {
        good: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
          start_child_span: true,
        },
        plain: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: 'x' },
      },
    };
    const decoded = valueOf(fromJson(VirtualHost, host, { registry }));
    assert.deepEqual(decoded.typedPerFilterConfig, {
      good: packAny(Router, { startChildSpan: true }),
      plain: packAny(StringValue, 'x'),
    });
    const bad = {
      typedPerFilterConfig: {
        a: { '@type': 'type.googleapis.com/x.Y' },
        b: { start_child_span: true },
        c: { ...host.typedPerFilterConfig.good, start_child_spann: true },
      },
    };
    assert.deepEqual(problemsOf(fromJson(VirtualHost, bad, { registry })), [
      'typedPerFilterConfig["a"]: @type type.googleapis.com/x.Y is not known',
      'typedPerFilterConfig["b"]: needs an @type such as type.googleapis.com/NAME',
      'typedPerFilterConfig["c"].start_child_spann: is not a field of ' +
        'envoy.extensions.filters.http.router.v3.Router; did you mean start_child_span?',
    ]);
  });

  test('survives any shape of JSON', () => {
    for (const json of [
      null,
      1,
      'x',
      [],
      [[]],
      { admin: [] },
      { node: 'x' },
      { static_resources: { listeners: {} } },
    ]) {
      assert.equal(fromJson(Bootstrap, json).ok, false, JSON.stringify(json));
    }
  });
});

describe('toJson', () => {
  test('writes a float as short as it is', () => {
    assert.equal(toJson(FloatValue, Math.fround(0.1)), 0.1);
  });

  test('shows the bytes of an Any that it does not know', () => {
    assert.deepEqual(
      toJson(VirtualHost, { typedPerFilterConfig: { a: { typeUrl: 't/x.Y', value: Uint8Array.of(1) } } }),
      {
        typedPerFilterConfig: { a: { '@type': 't/x.Y', value: 'AQ==' } },
      },
    );
  });

  test('redacts what must not be shown, at any depth, and nothing else', () => {
    const provider = {
      providerName: 'p',
      typedConfig: packAny(Router, { suppressEnvoyHeaders: true, strictCheckHeaders: ['secret'] }),
    };
    const certificate = {
      certificateChain: { inlineString: 'chain' },
      privateKey: { inlineBytes: Buffer.from('secret') },
      privateKeyProvider: provider,
    };
    const shown = { registry, redact: true };
    assert.deepEqual(toJson(TlsCertificate, certificate, shown), {
      certificateChain: { inlineString: 'chain' },
      privateKey: { inlineBytes: Buffer.from('[redacted]').toString('base64') },
      privateKeyProvider: {
        providerName: 'p',
        typedConfig: { '@type': Router.typeUrl, strictCheckHeaders: ['[redacted]'] },
      },
    });
    assert.deepEqual(toJson(CheckSettings, { contextExtensions: { a: 'secret' } }, shown), {
      contextExtensions: { a: '[redacted]' },
    });
    assert.match(JSON.stringify(toJson(TlsCertificate, certificate, { registry })), /"secret"/);
  });

  test('redacts within the JSON of a TypedStruct as within its message', () => {
    const types = typeRegistry([TlsCertificate, TypedStruct]);
    const shown = (typeUrl: string, value: JsonObject): unknown => {
      const message = { typedPerFilterConfig: { a: packAny(TypedStruct, { typeUrl, value }) } };
      return toJson(VirtualHost, message, { registry: types, redact: true, protoNames: true });
    };
    const expected = (typeUrl: string, more: object): object => ({
      typed_per_filter_config: { a: { '@type': TypedStruct.typeUrl, type_url: typeUrl, ...more } },
    });
    const { typeUrl } = TlsCertificate;
    const chain = { filename: 'c' };
    assert.deepEqual(
      shown(typeUrl, { certificateChain: chain, privateKey: { inlineString: 'secret' } }),
      expected(typeUrl, {
        value: { certificate_chain: chain, private_key: { inline_string: '[redacted]' } },
      }),
    );
    assert.deepEqual(shown(typeUrl, { private_key: 'secret' }), expected(typeUrl, {}));
    assert.deepEqual(shown('t/x.Y', { a: 1 }), expected('t/x.Y', { value: { a: 1 } }));
  });

  test('shows nothing of what cannot be read where it redacts', () => {
    const any = { typeUrl: Router.typeUrl, value: Uint8Array.of(0xff) };
    const host = { typedPerFilterConfig: { a: any } };
    assert.deepEqual(toJson(VirtualHost, host, { registry, redact: true }), {
      typedPerFilterConfig: { a: { '@type': Router.typeUrl } },
    });
  });
});

describe('an Any', () => {
  test('is unpacked by a registry or as the type that is expected', () => {
    const any = packAny(Router, { suppressEnvoyHeaders: true });
    const { type, value } = valueOf(unpackAny(any, registry));
    assert.equal(type, Router);
    assert.deepEqual(value, { suppressEnvoyHeaders: true });
    assert.deepEqual(valueOf(unpackAs(Router, any)), value);
    assert.ok(anyIs(any, Router) && !anyIs(any, StringValue));
    assert.deepEqual(problemsOf(unpackAs(StringValue, any)), [
      'holds type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, not google.protobuf.StringValue',
    ]);
    assert.deepEqual(problemsOf(unpackAny({ typeUrl: 't/x.Y', value: new Uint8Array() }, registry)), [
      'type t/x.Y is not known',
    ]);
  });
});

function varint(value: number): Uint8Array {
  const bytes = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, value]);
}
