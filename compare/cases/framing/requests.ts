import { httpBootstrap } from '../../bootstrap.ts';
import type { Setup } from '../../case.ts';
import { get, post, sends } from '../../request.ts';

export const requests: Setup = {
  name: 'requests',
  bootstrap: httpBootstrap({}),
  cases: [
    sends('a plain GET', get('/')),
    sends('a body with a length', post('abc', 'content-length: 3')),
    sends('both lengths', post('0\r\n\r\n', 'content-length: 3', 'transfer-encoding: chunked')),
  ],
};
