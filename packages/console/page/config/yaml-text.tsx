import type { ConfigMessage } from '../../src/documents.ts';

interface YamlProps {
  readonly yaml: string;
  readonly messages: readonly ConfigMessage[];
}

/** YAML with numbered lines; what is wrong stands below the line that it is about. */
export function YamlText({ yaml, messages }: YamlProps) {
  const lines = yaml.trimEnd().split('\n');
  return (
    <div class="yaml mono" role="region" aria-label="YAML" tabIndex={0}>
      {lines.map((line, index) => {
        const here = messages.filter((message) => message.line === index + 1);
        return (
          <div key={index} class={here.length > 0 ? 'yaml-line marked' : 'yaml-line'}>
            <span class="number">{index + 1}</span>
            <code>
              <YamlLine line={line} />
            </code>
            {here.map((message) => (
              <p key={message.code + message.message} class={`problem ${message.level.toLowerCase()}`}>
                {message.code} {message.message}
              </p>
            ))}
          </div>
        );
      })}
    </div>
  );
}

function YamlLine({ line }: { readonly line: string }) {
  const [, indent = '', key, rest = ''] = /^(\s*(?:- )*)([\w./-]+:)?(.*)$/.exec(line) ?? [];
  return (
    <>
      {indent}
      {key !== undefined && <span class="key">{key}</span>}
      <span class="value">{rest}</span>
    </>
  );
}
