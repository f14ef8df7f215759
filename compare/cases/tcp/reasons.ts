import type { Reason } from '../../case.ts';

const breaks =
  /^(?:the endpoint resets|the endpoint ends(?:, the client goes on)?|the connection (?:ends|is reset))$/;
const halves = 'the endpoint may speak on when the client has ended';
const broken = 'a tunnel that breaks off is no tunnel that ends: the client is reset, as without a tunnel';
const unseen = 'a client that resets is not waited for, also while its tunnel is being opened';

export const reasons: readonly Reason[] = [
  {
    cases: /^the client ends, the endpoint goes on$/,
    of: /^(?:client1\.bytes|log\.1\.(?:wire_)?sent)$/,
    why: halves,
  },
  {
    cases: breaks,
    of: /^client1\.connection$/,
    when: (envoy, lateen) => envoy === 'closed' && lateen === 'reset',
    why: broken,
  },
  {
    cases: breaks,
    of: /^log\.1\.(?:flags|long)$/,
    when: (envoy, lateen) => envoy === '-' && (lateen === 'UR' || lateen === 'UpstreamRemoteReset'),
    why: broken,
  },
  {
    cases: breaks,
    of: /^log\.1\.(?:down|up)stream_end$/,
    when: (envoy, lateen) => envoy === 'Normal' && lateen?.endsWith('Reset') === true,
    why: broken,
  },
  {
    cases: /^the client resets before the answer$/,
    of: /^(?:up\.1\.connection|stat\.cluster\.up\.upstream_cx_(?:connect_attempts_exceeded|destroy_\w+)|log\.1\.(?:flags|long|downstream_\w+))$/,
    why: unseen,
  },
  {
    of: /^up\.1\.stream\.1$/,
    when: (envoy, lateen) =>
      envoy?.endsWith(' / RST_STREAM 2') === true && envoy.replace(/2$/, '8') === lateen,
    why: 'what is not wanted any more is cancelled: nothing has failed inside (RFC 9113 section 7)',
  },
  {
    cases: /^the endpoint ends, the client goes on$/,
    of: /^stat\.tcp\.tcp\.upstream_flush_total$/,
    why: 'only where bytes still wait when the client has gone',
  },
  { of: /^stat\.cluster\.up\.upstream_rq_pending_failure_eject$/, why: 'not kept' },
];
