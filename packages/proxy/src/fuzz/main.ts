import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Finding, runCampaign } from './campaign.ts';
import { fuzzTargets } from './targets.ts';

/** `npm run fuzz -- PARSER [--seconds N] [--seed N]`: changes inputs for a while, and keeps the first that breaks it. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const targets = fuzzTargets();
const wanted = positionals[0] === 'all' ? targets : targets.filter(({ name }) => positionals.includes(name));
if (wanted.length === 0) {
  process.stderr.write(`fuzz: which parser? all, ${targets.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });

/** Ranges of our own code that have been reached so far. */
const reached = new Set<string>();
function covered(): number {
  // Both ends are in this thread: the answer comes within the call.
  session.post('Profiler.takePreciseCoverage', (error, answer) => {
    if (error !== null) throw error;
    for (const { url, scriptId, functions } of answer.result) {
      if (!url.startsWith('file:') || url.includes('/node_modules/')) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) reached.add(`${scriptId}:${startOffset}:${endOffset}`);
        }
      }
    }
  });
  return reached.size;
}

const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed);
for (const target of wanted) {
  const endMs = performance.now() + (seconds * 1_000) / wanted.length;
  try {
    const runs = runCampaign(target, { seed, goesOn: () => performance.now() < endMs, covered });
    process.stdout.write(`fuzz: ${target.name} stood ${runs} inputs (seed ${seed})\n`);
  } catch (error) {
    if (!(error instanceof Finding)) throw error;
    const folder = new URL(`corpus/${target.name}/`, import.meta.url);
    mkdirSync(folder, { recursive: true });
    const file = new URL(`found-${seed}.bin`, folder);
    writeFileSync(file, error.input);
    process.stderr.write(`${error.message}\nfuzz: kept in ${file.pathname}\n`);
    process.exitCode = 1;
  }
}
session.disconnect();
