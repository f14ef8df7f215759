import type { Reply, Setup } from '../../case.ts';
import { proxied, says, setup } from './proxied.ts';

const refused = (status: number): Reply => ({
  on: 'head',
  send: [`HTTP/1.1 ${status} No\r\ncontent-length: 2\r\n\r\nno`],
});

const over = (more: object): object => ({ tunneling_config: { hostname: 'there:80', ...more } });
const headers = {
  headers_to_add: [
    { header: { key: 'x-one', value: '1' } },
    { header: { key: 'x-from', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' } },
  ],
};
const early = { 'log.1.received': 'what waits for the endpoint counts as received' };

/** TCP in requests of HTTP. */
export const tunnels: readonly Setup[] = [
  setup(
    'tunnel',
    proxied(over({ ...headers, propagate_response_headers: true })),
    says('refused, 403', ['a'], { up: [refused(403)], differs: early }),
    says('refused, 503', ['a'], { up: [refused(503)], differs: early }),
  ),
  setup(
    'tunnel, nobody listens',
    proxied({ ...over({}), cluster: 'closed' }),
    says('nobody listens', ['a'], { differs: early }),
  ),
  setup(
    'tunnel, tries',
    proxied({ ...over({}), max_connect_attempts: 2 }),
    says('refused twice', ['a'], { up: [refused(503)], differs: early }),
  ),
  setup(
    'tunnel by POST',
    proxied(over({ use_post: true, post_path: '/p' })),
    says('refused', ['a'], { up: [refused(403)], differs: early }),
  ),
];
