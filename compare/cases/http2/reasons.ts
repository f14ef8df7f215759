import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { of: /^stat\.(?:cluster\.up\.)?http2\./, why: 'codecs count other things' },
  {
    of: /^client1\.connection$/,
    when: (envoy, lateen) => envoy === 'closed' && lateen === 'open',
    why: 'the stream is reset, where Envoy closes the connection',
  },
  {
    of: /^client1\.stream\.1$/,
    when: (envoy, lateen) => envoy === undefined && lateen?.startsWith('RST_STREAM') === true,
    why: 'the stream is reset, where Envoy closes the connection',
  },
  {
    of: /\.downstream_cx_(?:destroy|protocol_error)/,
    why: 'the stream is reset, where Envoy closes the connection',
  },
  {
    of: /^client1\.stream\.0$/,
    when: (_, lateen) => lateen?.startsWith('GOAWAY') === true,
    why: 'GOAWAY with the reason first',
  },
  {
    of: /^log\.\d+\.details$/,
    when: (_, lateen) => lateen?.startsWith('http2.') === true,
    why: 'details say why',
  },
  {
    cases: /^host besides|^a scheme |^a value with spaces/,
    why: 'one host, a scheme that is known, values without blanks around',
  },
  { cases: /^150 headers/, why: '431, where Envoy resets the stream' },
  { cases: /^no HPACK|^a flood|^no SETTINGS/, why: 'the connection ends by GOAWAY, or goes on where it can' },
  {
    cases: /^a body (?:longer|shorter) than/,
    of: /^stat\.|^up\.|^log\.1\.received$/,
    why: 'refused with what has come',
  },
  { cases: /^chunks with trailers/, of: /^client1\./, why: 'trailers of an answer are passed on' },
  { cases: /^expect/, of: /^client1\.|rq_completed$/, why: '100 is not said by HTTP/2' },
  {
    cases: /^hop-by-hop headers of an answer/,
    of: /header\.x-a$/,
    why: 'what connection names is taken off',
  },
  { cases: /^a GOAWAY/, why: 'who says goodbye is still served' },
  { cases: /^a reset$/, why: 'what endpoints have been sent by then is a matter of time' },
  { cases: /^trailers (?:that do not|with a pseudo-header)/, why: 'refused with what has come' },
  {
    cases: /^two requests/,
    of: /_pending_total$/,
    why: 'whether a connection is free by then is a matter of time',
  },
  { cases: /^HEAD/, why: 'refused with what has come' },
  { cases: /^extended CONNECT that is not/, why: 'endpoints say whether they take it (RFC 8441)' },
  {
    cases: /CONNECT/,
    of: /upgrades_total$|_cx_destroy|pending_total$|response_before_rq_complete$|\.connection$/,
    why: 'a tunnel ends half by half',
  },
];
