import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { of: /\.upstream_rq_pending_failure_eject$/, why: 'requests wait for streams, not for connections' },
  { of: /^stat\.cluster\.up\.http2\./, why: 'codecs count other things' },
  { cases: /interim|103 first/, why: 'interim answers are passed on' },
  { cases: /^resets in a body that ends/, why: 'an answer that is cut off is not whole' },
  {
    cases: /^closes a used|stream with 7|goodbye to the stream/,
    why: 'sent once more where nothing can be done',
  },
  {
    cases: /^answers with (?:a folded|bare|version|a bad|a status of)|^switches protocols|malformed chunk/,
    why: 'answers are read strictly',
  },
  { of: /upstream_cx_protocol_error$/, why: 'counts what is closed for it' },
  {
    of: /^up\.1\.stream\.0$/,
    when: (_, lateen) => lateen?.startsWith('GOAWAY') === true,
    why: 'GOAWAY says why, and what was taken',
  },
  {
    cases: /^answers w|^sends (?:more|less)|^pushes|goodbye with|^resets the stream/,
    of: /^up\.1\.|_cx_destroy|_rq_(?:tx|rx)_reset$|^client1\.1\.|^log\.1\.sent$/,
    why: 'the stream is reset, where Envoy closes the connection',
  },
  {
    cases: /no HPACK$|^floods|^sends 150|^sends a frame|^answers a stream|^sends data|^speaks/,
    why: 'limits and codes of another codec',
  },
];
