import { accessLog, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Setup, Theme } from '../../case.ts';
import { get } from '../../request.ts';
import { reasons } from './reasons.ts';
import { told } from './told.ts';

const logged = {
  code: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  remote: '%DOWNSTREAM_REMOTE_ADDRESS%',
  direct: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%',
  local: '%DOWNSTREAM_LOCAL_ADDRESS%',
  tlvs: '%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)%',
};

const v1 = (line: string): string => `PROXY ${line}\r\n`;
const signature = '\r\n\r\n\0\r\nQUIT\n';
const v2 = (command: number, family: number, body: string): string =>
  `${signature}${String.fromCharCode(command, family, body.length >> 8, body.length & 255)}${body}`;
const ends = '\x0a\x01\x02\x03\x0a\x04\x05\x06\x1f\x90\x00\x50';
const tlv = (type: number, value: string): string => `${String.fromCharCode(type, 0, value.length)}${value}`;

const says = (what: string, header: string): CompareCase => ({
  what,
  clients: [{ send: [`${header}${get('/')}`] }],
});

const cases = [
  says('v1', v1('TCP4 10.1.2.3 10.4.5.6 8080 80')),
  says('v1 of IPv6', v1('TCP6 ::1 2001:db8::2 8080 80')),
  says('v1 of nobody', v1('UNKNOWN')),
  says('v1 with a wrong port', v1('TCP4 10.1.2.3 10.4.5.6 99999 80')),
  says('v1 with a wrong address', v1('TCP4 10.1.2.300 10.4.5.6 8080 80')),
  says('v1 that is too short', v1('TCP4 10.1.2.3')),
  says('v1 without an end', `PROXY ${'x'.repeat(200)}`),
  says('v2', v2(0x21, 0x11, ends)),
  says('v2 of the proxy itself', v2(0x20, 0x11, ends)),
  says('v2 of no family', v2(0x21, 0x00, '')),
  says('v2 of a Unix socket', v2(0x21, 0x31, 'x'.repeat(216))),
  says('v2 of UDP', v2(0x21, 0x12, ends)),
  says('v2 with TLVs', v2(0x21, 0x11, `${ends}${tlv(1, 'h2')}${tlv(0xea, 'vpc')}`)),
  says('v2 with a TLV that is cut off', v2(0x21, 0x11, `${ends}\xea\x00\x09vpc`)),
  says('v2 that is too short', v2(0x21, 0x11, ends.slice(0, 8))),
  says('v2 of another version', v2(0x31, 0x11, ends)),
  says('v2 of another command', v2(0x22, 0x11, ends)),
  says('no header', ''),
  says('half a header', 'PROX'),
  { what: 'goes at once', clients: [{ send: [{ close: true }] }] },
  { what: 'goes in the header', clients: [{ send: ['PROXY TCP4', { waitMs: 30 }, { close: true }] }] },
] satisfies readonly CompareCase[];

const setup = (name: string, filter: object): Setup => ({
  name,
  bootstrap: httpBootstrap({
    manager: { access_log: [accessLog(logged)] },
    listener: {
      listener_filters: [
        {
          name: 'proxy_protocol',
          typed_config: {
            '@type': typeOf('filters.listener.proxy_protocol.v3.ProxyProtocol'),
            rules: [{ tlv_type: 0xea, on_tlv_present: { key: 'vpc' } }],
            ...filter,
          },
        },
      ],
    },
  }),
  cases,
});

/** The PROXY protocol's header before requests. */
export const proxyProtocol: Theme = {
  name: 'proxy-protocol',
  reasons,
  setups: [
    setup('needed', {}),
    setup('allowed', { allow_requests_without_proxy_protocol: true, stat_prefix: 'p' }),
    setup('no v1', { disallowed_versions: ['V1'] }),
    setup('no v2', { disallowed_versions: ['V2'], allow_requests_without_proxy_protocol: true }),
    ...told,
  ],
};
