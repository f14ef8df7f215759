import { writeFile } from 'node:fs/promises';
import { messageOf } from '@lateen/core';
import { done, text, type AdminRequest, type AdminResponse, type AdminRoute } from './admin-request.ts';

/** Takes one kind of profile; loaded when somebody asks for it. */
interface Profile {
  start(): Promise<void>;
  /** Ends it; what was found, as V8's tools read it. */
  stop(): Promise<unknown>;
}

async function cpuProfile(): Promise<Profile> {
  const { Session } = await import('node:inspector/promises');
  const session = new Session();
  return {
    async start() {
      session.connect();
      await session.post('Profiler.enable');
      await session.post('Profiler.start');
    },
    async stop() {
      const { profile } = await session.post('Profiler.stop');
      session.disconnect();
      return profile;
    },
  };
}

async function heapProfile(): Promise<Profile> {
  const { Session } = await import('node:inspector/promises');
  const session = new Session();
  return {
    async start() {
      session.connect();
      await session.post('HeapProfiler.enable');
      await session.post('HeapProfiler.startSampling');
    },
    async stop() {
      const { profile } = await session.post('HeapProfiler.stopSampling');
      session.disconnect();
      return profile;
    },
  };
}

/**
 * `/cpuprofiler` and `/heapprofiler`, as Envoy has them: `?enable=y` begins, `?enable=n` writes what was found to
 * `admin.profile_path`, the one with `.cpuprofile` after it and the other with `.heapprofile`: the formats of V8.
 */
export function profilerRoutes(profilePath: string): readonly AdminRoute[] {
  return [
    {
      path: '/cpuprofiler',
      help: 'enable/disable the CPU profiler',
      parameters: { enable: 'y or n' },
      mutates: true,
      handle: switchOf(cpuProfile, `${profilePath}.cpuprofile`),
    },
    {
      path: '/heapprofiler',
      help: 'enable/disable the heap profiler',
      parameters: { enable: 'y or n' },
      mutates: true,
      handle: switchOf(heapProfile, `${profilePath}.heapprofile`),
    },
  ];
}

function switchOf(
  create: () => Promise<Profile>,
  path: string,
): (request: AdminRequest) => Promise<AdminResponse> {
  let running: Profile | undefined;
  return async ({ query }) => {
    const enable = query.get('enable');
    if (enable === 'y') {
      if (running !== undefined) return text('the profiler is running already\n', 400);
      const profile = await create();
      running = profile;
      await profile.start();
      return done;
    }
    if (enable !== 'n') return text('?enable=<y|n>\n', 400);
    const profile = running;
    if (profile === undefined) return text('the profiler is not running\n', 400);
    running = undefined;
    try {
      await writeFile(path, JSON.stringify(await profile.stop()));
    } catch (error) {
      return text(`the profile could not be written: ${messageOf(error)}\n`, 500);
    }
    return done;
  };
}
