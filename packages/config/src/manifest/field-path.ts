/** The steps of a path such as `spec.http[0].headers["end-user"]`. */
export function parseFieldPath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  const step = /(?:^|\.)([^.[\]]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;
  while (step.lastIndex < path.length) {
    const match = step.exec(path);
    if (match === null) break;
    if (match[1] !== undefined) steps.push(match[1]);
    else if (match[2] !== undefined) steps.push(Number(match[2]));
    else steps.push(String(JSON.parse(match[3] ?? '""')));
  }
  return steps;
}
