import type { ConfigDocument, ConfigListDocument } from '../../src/documents.ts';
import { YamlText } from './yaml-text.tsx';

interface ConfigProps {
  readonly config: ConfigListDocument;
  readonly selected: string | undefined;
  readonly onSelect: (id: string) => void;
  readonly onNode: (id: string) => void;
}

/** The configuration of the mesh, object by object, with what is wrong with it. */
export function ConfigView({ config, selected, onSelect, onNode }: ConfigProps) {
  const { objects, others } = config;
  const shown = objects.find(({ id }) => id === selected) ?? objects[0];
  const kinds = [...new Set(objects.map(({ kind }) => kind))];
  return (
    <div class="split">
      <nav class="list" aria-label="Configuration objects">
        {kinds.map((kind) => (
          <section key={kind}>
            <h3>{kind}</h3>
            <ul class="links">
              {objects
                .filter((object) => object.kind === kind)
                .map((object) => (
                  <li key={object.id}>
                    <button
                      type="button"
                      class="plain link"
                      aria-current={object.id === shown?.id}
                      data-config={object.id}
                      onClick={() => onSelect(object.id)}
                    >
                      {object.name} <span class="soft">{object.namespace}</span>
                      <Count object={object} />
                    </button>
                  </li>
                ))}
            </ul>
          </section>
        ))}
        {others.length > 0 && (
          <section>
            <h3>Elsewhere</h3>
            {others.map((message) => (
              <p key={message.object + message.message} class={`problem ${message.level.toLowerCase()}`}>
                <b>{message.object}</b> {message.code} {message.message}
              </p>
            ))}
          </section>
        )}
      </nav>
      {shown === undefined ? (
        <p class="empty">
          No configuration yet. Try{' '}
          <code>kubectl apply -f samples/bookinfo/networking/destination-rule-reviews.yaml</code>
        </p>
      ) : (
        <ConfigObject object={shown} onNode={onNode} />
      )}
    </div>
  );
}

function Count({ object }: { readonly object: ConfigDocument }) {
  if (object.messages.length === 0) return null;
  const isBad = object.messages.some(({ level }) => level === 'Error');
  return <span class={`badge ${isBad ? 'bad' : 'warn'}`}>{object.messages.length}</span>;
}

function ConfigObject({
  object,
  onNode,
}: {
  readonly object: ConfigDocument;
  readonly onNode: (id: string) => void;
}) {
  const loose = object.messages.filter(({ line }) => line === undefined);
  return (
    <article class="config-object" data-shown={object.id}>
      <header>
        <h2>{object.name}</h2>
        <p class="soft">
          {object.kind} in {object.namespace}
          {object.hosts.length > 0 && ` · ${object.hosts.join(', ')}`}
        </p>
      </header>
      {object.destinations.length > 0 && (
        <ul class="destinations">
          {object.destinations.map(({ host, subset, weight, node }, index) => (
            <li key={index}>
              <span class="share">
                <i class="good" style={{ width: `${weight ?? 0}%` }} />
              </span>
              <span class="weight">{weight === undefined ? '' : `${weight} %`}</span>
              {node === undefined ? (
                <span class="bad">{host} (no such service)</span>
              ) : (
                <button type="button" class="plain link" onClick={() => onNode(node)}>
                  {host}
                </button>
              )}
              {subset !== undefined && <b>{subset}</b>}
            </li>
          ))}
        </ul>
      )}
      {loose.map((message) => (
        <p key={message.message} class={`problem ${message.level.toLowerCase()}`}>
          {message.code} {message.message}
        </p>
      ))}
      <YamlText yaml={object.yaml} messages={object.messages} />
    </article>
  );
}
