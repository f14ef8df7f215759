import type { Image, ImageName } from './image.ts';

/** Where containers see the installation and its node. */
const installation = '/opt/lateen';
const node = `${installation}/bin/node`;

function image(id: string, entrypoint: readonly string[], rest: Partial<Image> = {}): Image {
  const sharesCompiledCode = entrypoint[0] === node;
  const defaults = { defaultArgs: [], env: {}, uid: 0, workingDir: '/', files: {} };
  return { id, entrypoint, sharesCompiledCode, ...defaults, ...rest };
}

/**
 * A proxy's garbage is young: a small nursery costs it no measurable CPU and saves 8 MB under load. One thread is
 * enough for what V8 does in the background.
 */
const nodeOptions: Readonly<Record<string, readonly string[]>> = {
  'lateen-proxy': [
    '--max-semi-space-size=1',
    '--v8-pool-size=1',
    '--single-threaded-gc',
    '--no-memory-reducer',
  ],
};

/** Threads that hardly allocate need no arenas of their own: a megabyte for each proxy. */
const proxyEnv = { MALLOC_ARENA_MAX: '1' };

function program(name: string): readonly string[] {
  return [node, ...(nodeOptions[name] ?? []), `${installation}/dist/${name}.mjs`];
}

/** A script that runs one of our programs under another name. */
function launcher(name: string): string {
  return `#!/bin/sh\nexec ${program(name).join(' ')} "$@"\n`;
}

function sample(name: string, env: Readonly<Record<string, string>> = {}, rest: Partial<Image> = {}): Image {
  return image(`lateen://samples/${name}`, program(`samples/${name}`), { env, ...rest });
}

/** Istio's pages start httpbin by `gunicorn --access-logfile - -b 0.0.0.0:80 httpbin:app`. */
const gunicornScript = `#!/bin/sh
port=80
while [ $# -gt 0 ]; do
  case $1 in
    -b | --bind) port=\${2##*:}; shift ;;
    --bind=*) port=\${1##*:} ;;
    --access-logfile) export ACCESS_LOG=1; shift ;;
    --access-logfile=*) export ACCESS_LOG=1 ;;
  esac
  shift
done
exec ${program('samples/httpbin').join(' ')} "$port"
`;

const wait = "trap 'exit 0' TERM INT; sleep infinity & wait; exit 0";

/** Runs what it is given, with `curl` before options and addresses; waits where it is given nothing. */
const toolboxScript = `#!/bin/sh
[ $# -gt 0 ] || { ${wait}; }
case $1 in -*|http:*|https:*) set -- curl "$@" ;; esac
exec "$@"
`;

/** For images whose point is a shell with tools in it: the host's. */
function toolbox(files: Readonly<Record<string, string>> = {}): Image {
  return image('lateen://toolbox', ['/usr/local/bin/lateen-toolbox'], {
    files: { '/usr/local/bin/lateen-toolbox': toolboxScript, ...files },
  });
}

const iptablesScript = `#!/bin/sh\nexec ${program('lateen-proxy').join(' ')} istio-iptables "$@"\n`;

const proxy = image('lateen://proxy', program('lateen-proxy'), {
  env: proxyEnv,
  files: {
    '/usr/local/bin/pilot-agent': launcher('lateen-proxy'),
    '/usr/local/bin/envoy': launcher('lateen-proxy'),
    '/usr/local/bin/lateen-proxy': launcher('lateen-proxy'),
    '/usr/local/bin/istio-iptables': iptablesScript,
    // Its name until Istio 1.3.
    '/usr/local/bin/istio-iptables.sh': iptablesScript,
  },
});

const control = image('lateen://control', program('lateen-control'), {
  files: { '/usr/local/bin/pilot-discovery': launcher('lateen-control') },
});

const fortio = sample(
  'fortio',
  {},
  {
    defaultArgs: ['server'],
    files: {
      '/usr/bin/fortio': launcher('samples/fortio'),
      '/usr/local/bin/fortio': launcher('samples/fortio'),
      // Of `kubectl exec POD /usr/local/bin/fortio -- load URL`, as tutorials have it, newer kubectls send only what
      // stands after the dashes.
      '/usr/local/bin/load': `#!/bin/sh\nexec /usr/local/bin/fortio load "$@"\n`,
    },
  },
);

type Rule = (name: ImageName) => Image | undefined;

/** Bookinfo's version is in the image's name: `examples-bookinfo-reviews-v2`. */
const bookinfo: Rule = ({ base }) => {
  const match = /^(?:istio-)?examples-bookinfo-(productpage|details|reviews|ratings)(?:-(v\d+))?/.exec(base);
  if (match === null) return undefined;
  const [, service = '', version = 'v1'] = match;
  return sample(service, { SERVICE_VERSION: version }, { defaultArgs: ['9080'] });
};

const helloworld: Rule = ({ base }) => {
  const match = /^examples-helloworld-(v\d+)$/.exec(base);
  return match === null ? undefined : sample('helloworld', { SERVICE_VERSION: match[1] ?? 'v1' });
};

/** The three coloured sites are told apart by their tag. */
const website: Rule = ({ repository, tag }) =>
  repository === 'aquamarine/kublr-tutorial-images' ? sample('website', { SITE_VERSION: tag }) : undefined;

function named(repositories: readonly string[], found: Image): Rule {
  return ({ repository }) => (repositories.includes(repository) ? found : undefined);
}

const rules: readonly Rule[] = [
  bookinfo,
  helloworld,
  website,
  named(['istio/proxyv2', 'istio/proxy', 'istio/proxy_init', 'istio/proxyv2-debug', 'lateen/proxy'], proxy),
  named(['istio/pilot', 'lateen/control'], control),
  named(['dustise/flaskapp'], sample('flaskapp')),
  named(['lateen/echo', 'istio/app'], sample('echo')),
  named(['istio/tcp-echo-server'], sample('tcp-echo')),
  named(
    ['kennethreitz/httpbin', 'kong/httpbin', 'citizenstig/httpbin', 'lateen/httpbin'],
    sample('httpbin', {}, { files: { '/usr/local/bin/gunicorn': gunicornScript } }),
  ),
  named(['mccutchen/go-httpbin'], sample('httpbin', { ACCESS_LOG: '1' }, { defaultArgs: ['8080'] })),
  named(['fortio/fortio', 'istio/fortio', 'lateen/fortio'], fortio),
  named(['zze326/test-tools'], toolbox({ '/usr/local/bin/init': `#!/bin/sh\n${wait}\n` })),
  named(
    [
      'curlimages/curl',
      'governmentpaas/curl-ssl',
      'tutum/curl',
      'pstauffer/curl',
      'appropriate/curl',
      'istio/base',
      'lateen/sleep',
      'alpine',
      'busybox',
      'debian',
      'nicolaka/netshoot',
      'ubuntu',
    ],
    toolbox(),
  ),
];

/** The built-in meaning of an image's name, whatever registry it names; undefined where there is none. */
export function catalogueImage(name: ImageName): Image | undefined {
  for (const rule of rules) {
    const found = rule(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** An image that is nothing but the host: what an unknown name means where the container has a `command`. */
export const hostImage: Image = image('lateen://host', []);
