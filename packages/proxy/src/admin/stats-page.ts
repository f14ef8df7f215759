import type { AdminResponse } from './admin-request.ts';

/** What `/stats` takes for its parameters, in the order of the page. */
export interface StatsChoices {
  readonly type: readonly string[];
  readonly histogram_buckets: readonly string[];
}

const formats: readonly string[] = ['html', 'active-html', 'text', 'json', 'prometheus'];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}

function select(name: string, values: readonly string[], chosen: string | null): string {
  const options = values.map(
    (value) => `<option${value === chosen ? ' selected' : ''}>${escaped(value)}</option>`,
  );
  return `<label>${name} <select name="${name}">${options.join('')}</select></label>`;
}

function form(query: URLSearchParams, choices: StatsChoices): string {
  const filter = escaped(query.get('filter') ?? '');
  return `<form action="/stats">
<label>filter <input name="filter" value="${filter}" placeholder="regular expression"></label>
<label><input type="checkbox" name="usedonly" value=""${query.has('usedonly') ? ' checked' : ''}> used only</label>
${select('type', choices.type, query.get('type'))}
${select('histogram_buckets', choices.histogram_buckets, query.get('histogram_buckets'))}
${select('format', formats, query.get('format'))}
<button>show</button>
</form>`;
}

function page(query: URLSearchParams, choices: StatsChoices, body: string): AdminResponse {
  return {
    status: 200,
    contentType: 'text/html; charset=UTF-8',
    body: `<!doctype html><title>statistics</title><style>label { margin-right: 1em }</style>
${form(query, choices)}
${body}
`,
  };
}

/** `/stats?format=html`: a form for the parameters, and what they show as text. */
export function statsPage(query: URLSearchParams, choices: StatsChoices, shown: string): AdminResponse {
  return page(query, choices, `<pre>${escaped(shown)}</pre>`);
}

/** Asks for the statistics that are used again and again, and shows those first that have changed most often. */
const follow = `
const shown = 50, everyMs = 5000;
const last = new Map(), changes = new Map();
const query = new URLSearchParams(location.search);
query.set('format', 'json');
query.set('usedonly', '');
query.delete('histogram_buckets');
async function look() {
  const answer = await fetch('/stats?' + query);
  if (!answer.ok) { document.getElementById('note').textContent = await answer.text(); return; }
  for (const { name, value } of (await answer.json()).stats) {
    if (name === undefined) continue;
    if (last.has(name) && last.get(name) !== value) changes.set(name, (changes.get(name) ?? 0) + 1);
    last.set(name, value);
  }
  const rows = [...last].sort(([a], [b]) => (changes.get(b) ?? 0) - (changes.get(a) ?? 0) || (a < b ? -1 : 1));
  document.getElementById('rows').replaceChildren(...rows.slice(0, shown).map(([name, value]) => {
    const row = document.createElement('tr');
    for (const text of [name, value, changes.get(name) ?? 0]) {
      const cell = document.createElement('td');
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  }));
}
look();
setInterval(() => look().catch((error) => { document.getElementById('note').textContent = String(error); }), everyMs);
`;

/** `/stats?format=active-html`: the fifty statistics that change most often, for as long as the page is open. */
export function activeStatsPage(query: URLSearchParams, choices: StatsChoices): AdminResponse {
  return page(
    query,
    choices,
    `<p id="note"></p>
<table><thead><tr><th>name</th><th>value</th><th>changes</th></tr></thead><tbody id="rows"></tbody></table>
<script>${follow}</script>`,
  );
}
