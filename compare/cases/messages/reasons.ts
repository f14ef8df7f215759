import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  {
    cases: /10[023]|417|interim/,
    of: /^client1\.[12]\.|rq_completed$/,
    why: 'interim answers are passed on, but to HTTP/1.0, and are not counted',
  },
  { cases: /100-continue/, of: /^log\.1\.code$/, why: 'interim answers are not logged' },
  { cases: /^path (?:with [^f%q]|above)|%00$/, why: 'paths are normalised' },
  { cases: /^empty path with query/, why: 'the path is /' },
  {
    cases: /^hop-by-hop headers of an answer/,
    of: /header\.x-a$/,
    why: 'what connection names is taken off',
  },
  { cases: /^connection names/, of: /^up\./, why: 'what endpoints decide by stays' },
  {
    cases: /^x-envoy headers/,
    of: /header\.x-envoy-/,
    why: 'of the mesh: it says nothing of where it comes from',
  },
  { cases: /^underscore$/, why: 'refused when it has been read: its connection goes on' },
  { cases: /^escaped slash/, of: /^log\.1\.path$/, why: 'the log has what was asked for' },
  {
    cases: /^client gone in its head/,
    of: /_active_rq$/,
    why: 'a head that has not come whole is no request',
  },
  {
    cases: /^websocket answered/,
    of: /\.body$|content-length$|log\.1\.sent$|upstream_rq_(?:completed|\d)/,
    why: 'what the endpoint answers goes on, and counts',
  },
  {
    cases: /^websocket|tunnel|closed by its endpoint|left by its client/,
    of: /_cx_(?:destroy|total|http1_total)|\.body$|\.connection$|log\.1\.sent$|rq_tx_reset$/,
    why: 'a tunnel ends half by half',
  },
  {
    cases: /^(?:closed by its endpoint|left by its client)/,
    of: /pending_total$/,
    why: 'not counted of tunnels that end here',
  },
  { cases: /tunnel has the one/, of: /^log\./, why: 'lines of other connections in another order' },
  { cases: /^more requests than/, of: /max_requests_reached$/, why: 'not kept' },
];
