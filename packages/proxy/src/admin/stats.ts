import type { StatFilter, StatKind, StatsView } from '../telemetry/stats-view.ts';
import type { HistogramStates } from '../telemetry/histogram-intervals.ts';
import { shortJson, text, type AdminResponse } from './admin-request.ts';
import type { StatsChoices } from './stats-page.ts';
import { regexOf, wrongRegex } from './query-regex.ts';

const kinds: ReadonlyMap<string, StatKind | undefined> = new Map([
  ['Counters', 'counter'],
  ['Gauges', 'gauge'],
  ['Histograms', 'histogram'],
  ['TextReadouts', 'text'],
  ['All', undefined],
]);

const views: ReadonlyMap<string, NonNullable<StatFilter['histograms']>> = new Map([
  ['none', 'summary'],
  ['summary', 'summary'],
  ['cumulative', 'cumulative'],
  ['disjoint', 'disjoint'],
  ['detailed', 'detailed'],
]);

const wrongBuckets = text(`usage: /stats?histogram_buckets=(${[...views.keys()].join('|')})\n`, 400);

const hiddenChoices: readonly string[] = ['include', 'only', 'exclude'];

/** What the parameters of `/stats` may be. */
export const statsChoices: StatsChoices = {
  type: [...kinds.keys()].toReversed(),
  histogram_buckets: [...views.keys()],
};

/**
 * `/stats`, with the parameters that Envoy has for it; `look` at the last interval of the histograms, where they are shown.
 * Of the pages it answers with the text that they are made of.
 */
export function statsAnswer(
  view: StatsView,
  query: URLSearchParams,
  look: () => HistogramStates,
): AdminResponse {
  const format = query.get('format') ?? 'text';
  if (format === 'prometheus') return prometheusAnswer(view, query);
  if (!['json', 'text', 'html', 'active-html'].includes(format))
    return text('usage: /stats?format=(html|active-html|json|text|prometheus)\n', 400);
  const regex = nameFilter(query);
  if (regex === wrongRegex) return text('Invalid re2 regex\n', 400);
  const type = query.get('type') ?? 'All';
  if (!kinds.has(type)) return text('invalid &type= param', 400);
  const histograms = views.get(query.get('histogram_buckets') ?? 'none');
  if (histograms === undefined) return wrongBuckets;
  const hidden = query.get('hidden') ?? 'exclude';
  if (!hiddenChoices.includes(hidden))
    return text(`usage: /stats?hidden=(${hiddenChoices.join('|')})\n`, 400);
  // No statistic of this proxy is hidden.
  if (hidden === 'only') return format === 'json' ? shortJson({ stats: [] }) : text('');
  const kind = kinds.get(type);
  const filter: StatFilter = {
    usedOnly: query.has('usedonly'),
    histograms,
    intervals: kind === undefined || kind === 'histogram' ? look() : new Map(),
    ...(regex === undefined ? {} : { regex }),
    ...(kind === undefined ? {} : { kind }),
  };
  return format === 'json' ? shortJson(view.json(filter)) : text(view.text(filter));
}

/** Which names are asked for by `filter` and `invert_filter`. */
function nameFilter(query: URLSearchParams): ReturnType<typeof regexOf> {
  const regex = regexOf(query.get('filter'));
  if (regex === undefined || regex === wrongRegex || !query.has('invert_filter')) return regex;
  return { test: (name) => !regex.test(name) };
}

/** `/stats/prometheus`. */
export function prometheusAnswer(view: StatsView, query: URLSearchParams): AdminResponse {
  const regex = nameFilter(query);
  if (regex === wrongRegex) return text('Invalid re2 regex\n', 400);
  if (!views.has(query.get('histogram_buckets') ?? 'none')) return wrongBuckets;
  return text(
    view.prometheus({
      usedOnly: query.has('usedonly'),
      textReadouts: query.has('text_readouts'),
      summaries: query.get('histogram_buckets') === 'summary',
      ...(regex === undefined ? {} : { regex }),
    }),
  );
}
