import { done, text, type AdminRoute } from './admin-request.ts';

function refused(path: string, help: string, why: string, more: Partial<AdminRoute> = {}): AdminRoute {
  return { path, help, handle: () => text(`${why}\n`, 501), ...more };
}

/** Paths of Envoy's that have nothing to say here, so that whoever asks is told why. */
export function absentRoutes(): readonly AdminRoute[] {
  let tracksLookups = false;
  const track = (on: boolean): AdminRoute['handle'] => {
    return () => {
      tracksLookups = on;
      return done;
    };
  };
  return [
    {
      path: '/contention',
      help: 'dump current lock contention stats (there are no locks)',
      handle: () => text('Mutex contention tracing is not enabled: one thread serves, without locks.\n'),
    },
    refused(
      '/hystrix_event_stream',
      'not supported: no sink for Hystrix',
      'There is no sink for Hystrix: use /stats/prometheus.',
    ),
    refused(
      '/heap_dump',
      'not supported: V8 keeps no samples for pprof',
      'There are no samples for pprof: use /heapprofiler?enable=y, and ?enable=n.',
    ),
    refused('/tap', 'not supported: requests cannot be tapped', 'Requests cannot be tapped by this proxy.', {
      mutates: true,
    }),
    {
      path: '/stats/recentlookups',
      help: 'show recent lookups of names of statistics (names are bound when they are made)',
      handle: () =>
        tracksLookups
          ? text('   Count Lookup\n\ntotal: 0\n')
          : text('Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n'),
    },
    ...(['enable', 'disable'] as const).map((verb) => ({
      path: `/stats/recentlookups/${verb}`,
      help: `${verb} the tracking of lookups of names of statistics`,
      mutates: true,
      handle: track(verb === 'enable'),
    })),
    {
      path: '/stats/recentlookups/clear',
      help: 'clear the list of recent lookups of names of statistics',
      mutates: true,
      handle: () => done,
    },
  ];
}
