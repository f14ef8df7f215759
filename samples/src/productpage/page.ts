/** What the page shows of one of the services behind it: its answer, or why there is none. */
export type Part<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly status: number };

export interface Details {
  readonly [fact: string]: string | number;
}

export interface Review {
  readonly reviewer: string;
  readonly text: string;
  readonly rating?: { readonly stars?: number; readonly color?: string; readonly error?: string };
}

export interface Reviews {
  readonly podname?: string;
  readonly clustername?: string;
  readonly reviews: readonly Review[];
}

export interface Product {
  readonly id: number;
  readonly title: string;
  readonly summary: string;
}

function escape(text: unknown): string {
  return String(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const style = `
  :root { --ink: #1d2733; --soft: #5d6b7a; --line: #dfe5ec; --accent: #33518b; --ground: #f5f7fa; color-scheme: light }
  * { box-sizing: border-box }
  body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.6 system-ui, "Segoe UI", sans-serif }
  header { background: var(--accent); color: #fff }
  header > div, main { max-width: 60rem; margin: 0 auto; padding: 1rem 1.5rem }
  header > div { display: flex; align-items: center; gap: 1rem }
  header a { color: inherit; text-decoration: none }
  header .brand { font-weight: 600; margin-right: auto }
  header form { display: flex; gap: .5rem }
  input { font: inherit; padding: .3rem .6rem; border: 1px solid var(--line); border-radius: .4rem; width: 9rem }
  button, .button { font: inherit; padding: .3rem .9rem; border: 0; border-radius: .4rem; background: #fff; color: var(--accent); cursor: pointer; font-weight: 600 }
  h1 { font-size: 2.2rem; line-height: 1.2; margin: 1.5rem 0 .5rem }
  .summary { color: var(--soft); max-width: 44rem }
  .columns { display: grid; grid-template-columns: minmax(15rem, 1fr) 2fr; gap: 1.5rem; margin-top: 1.5rem }
  @media (max-width: 45rem) { .columns { grid-template-columns: 1fr } }
  section { background: #fff; border: 1px solid var(--line); border-radius: .8rem; padding: 1.2rem 1.5rem }
  h2 { font-size: 1.1rem; margin: 0 0 .8rem }
  dl { display: grid; grid-template-columns: auto 1fr; gap: .3rem 1rem; margin: 0 }
  dt { color: var(--soft) } dd { margin: 0 }
  blockquote { margin: 0 0 1.2rem; padding: 0 0 1.2rem; border-bottom: 1px solid var(--line) }
  blockquote p { margin: 0 0 .4rem }
  cite { color: var(--soft); font-style: normal; font-weight: 600 }
  .stars { font-size: 1.3rem; letter-spacing: .1rem; margin-left: .5rem }
  .stars .off { color: var(--line) !important }
  .error { color: #9c2b2b } .note { color: var(--soft); font-size: .9rem; margin: 0 }
  .pod { font-family: ui-monospace, monospace }
`;

function layout(title: string, user: string | undefined, content: string): string {
  const login =
    user === undefined
      ? `<form method="post" action="login"><input name="username" placeholder="User name" aria-label="User name" required>
         <input name="passwd" type="password" placeholder="Password" aria-label="Password"><button type="submit">Sign in</button></form>`
      : `<span id="user">${escape(user)}</span><a class="button" href="logout">Sign out</a>`;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${style}</style></head>
<body>
<header><div><a class="brand" href="/productpage">Bookinfo Sample</a>${login}</div></header>
<main>${content}</main>
</body>
</html>
`;
}

function detailsSection(details: Part<Details>): string {
  if (!details.ok) {
    return `<section id="details"><h2>Error fetching product details!</h2><p class="error">Sorry, product details are currently unavailable for this book.</p></section>`;
  }
  const facts = Object.entries(details.value).filter(([name]) => name !== 'id' && name !== 'author');
  const rows = facts.map(
    ([name, value]) => `<dt>${escape(name[0]?.toUpperCase() + name.slice(1))}</dt><dd>${escape(value)}</dd>`,
  );
  return `<section id="details"><h2>Book Details</h2><dl>${rows.join('')}</dl></section>`;
}

function stars(rating: Review['rating']): string {
  if (rating === undefined) return '';
  if (rating.stars === undefined)
    return `<span class="error">${escape(rating.error ?? 'Ratings service is currently unavailable')}</span>`;
  const color = rating.color === 'red' ? '#c62828' : '#111';
  const on = '<span class="on">★</span>'.repeat(rating.stars);
  const off = '<span class="off">★</span>'.repeat(Math.max(0, 5 - rating.stars));
  return `<span class="stars" style="color:${color}" data-color="${escape(rating.color ?? 'black')}" title="${rating.stars} of 5 stars">${on}${off}</span>`;
}

function reviewsSection(reviews: Part<Reviews>): string {
  if (!reviews.ok) {
    return `<section id="reviews"><h2>Error fetching product reviews!</h2><p class="error">Sorry, product reviews are currently unavailable for this book.</p></section>`;
  }
  const quotes = reviews.value.reviews.map(
    (review) =>
      `<blockquote><p>${escape(review.text)}</p><cite>${escape(review.reviewer)}</cite>${stars(review.rating)}</blockquote>`,
  );
  const pod = reviews.value.podname;
  const served =
    pod === undefined ? '' : `<p class="note">Reviews served by: <span class="pod">${escape(pod)}</span></p>`;
  return `<section id="reviews"><h2>Book Reviews</h2>${quotes.join('')}${served}</section>`;
}

/** The page of one product. */
export function productPage(
  product: Product,
  user: string | undefined,
  details: Part<Details>,
  reviews: Part<Reviews>,
): string {
  const content = `<h1>${escape(product.title)}</h1><p class="summary">${escape(product.summary)}</p>
    <div class="columns">${detailsSection(details)}${reviewsSection(reviews)}</div>`;
  return layout('Simple Bookstore App', user, content);
}

/** The page at `/`. */
export function indexPage(user: string | undefined): string {
  return layout(
    'Simple Bookstore App',
    user,
    `<h1>Bookinfo</h1>
     <p class="summary">Four small services that sell no books: productpage asks details and reviews, and reviews asks ratings.
     They are here so that a mesh has something to route.</p>
     <p><a href="/productpage?u=normal">Normal user</a> &middot; <a href="/productpage?u=test">Test user</a></p>`,
  );
}
