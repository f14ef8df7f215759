import { networkInterfaces } from 'node:os';
import type { Reason } from './case.ts';

const addressOfHost = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === 'IPv4' && !one.internal)?.address;

/** What differs in all themes. */
export const everywhere: readonly Reason[] = [
  { of: /^stat\.cluster\.[\w.]+\.(?:external|internal)\./, why: 'not split by where requests come from' },
  { of: /^stat\.listener\..*\.http\./, why: 'not kept by listener besides' },
  { of: /^stat\..*nghttp2_(?:up|down)stream_connections$/, why: 'another codec' },
  { of: /^stat\..*\.upstream_cx_close_notify$/, why: 'not kept' },
  { of: /^stat\..*\.downstream_cx_delayed_close_timeout$/, why: 'clients are told by FIN' },
  { of: /^stat\..*\.downstream_rq_rx_reset$/, why: 'not counted where the proxy ends the connection' },
  { of: /^stat\..*\.(?:upstream|downstream)_rq_1(?:xx|\d\d)$/, why: 'interim answers are not counted' },
  {
    of: /\.header\.x-forwarded-for$/,
    when: (envoy = '', lateen = '') =>
      addressOfHost !== undefined && envoy.replaceAll(addressOfHost, '127.0.0.1') === lateen,
    why: 'a client of the loopback has its own address',
  },
  {
    of: /\.header\.[\w-]+$/,
    when: (envoy = '', lateen = '') => lateen.includes(' | ') && envoy === lateen.replaceAll(' | ', ','),
    why: 'fields of one name stay apart',
  },
  { of: /^stat\..*_flow_control_/, why: 'not kept' },
  {
    of: /^client\d+\.connection$/,
    when: (envoy, lateen) => envoy === 'reset' && lateen === 'closed',
    why: 'clients are told by FIN',
  },
  {
    of: /\.header\.connection$/,
    when: (envoy, lateen) => envoy?.toLowerCase() === lateen?.toLowerCase(),
    why: 'the same, written otherwise',
  },
  {
    of: /\.header\.connection$/,
    when: (envoy, lateen) => envoy === undefined && /^(?:Connection: )?te$/.test(lateen ?? ''),
    why: 'te is named by connection (RFC 9110)',
  },
];
