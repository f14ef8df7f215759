import { httpBootstrap } from '../../bootstrap.ts';
import type { CompareCase, Setup, Theme } from '../../case.ts';
import { get, sends } from '../../request.ts';

const paused = (what: string, waitMs: number): CompareCase => ({
  what,
  clients: [{ send: [get('/a'), { waitMs }, get('/b')] }],
  quietMs: 300,
});

const setup = (name: string, options: object, manager: object = {}): Setup => ({
  name,
  bootstrap: httpBootstrap({ manager: { common_http_protocol_options: options, ...manager } }),
  cases: [
    paused('a request in the drain', 450),
    sends('no further request', get('/'), { quietMs: 1_300 }),
    sends('an answer that takes longer', get('/'), {
      up: [{ send: [{ waitMs: 450 }, 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'] }],
      quietMs: 700,
    }),
  ],
});

/** Connections that are to end: by time, while requests may still come. */
export const drain: Theme = {
  name: 'drain',
  reasons: [
    {
      cases: /^a request in the drain$/,
      of: /^stat\.http\.main\.downstream_cx_idle_timeout$/,
      when: (envoy, lateen) => envoy === '+2' && lateen === '+1',
      why: 'a connection counts once, also where it was idle again before its end',
    },
  ],
  setups: [
    setup('idle', { idle_timeout: '0.3s' }, { drain_timeout: '0.6s' }),
    setup('old', { max_connection_duration: '0.3s' }, { drain_timeout: '0.6s' }),
  ],
};
