// Finds what a source file imports, types included, and its code without comments and strings.
//
// TypeScript 7 has no compiler API, and the code is formatted, so a scanner of a few lines is enough.
// It knows comments, strings and template literals. Nothing else could hide or fake an import.

const commentOrString =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g

const fromClause = /\b(?:import|export)\b[\w\s{},*$]*?\bfrom\s*(['"])([^'"]+)\1/g
const bareImport = /\bimport\s*(['"])([^'"]+)\1/g
const importCall = /\b(?:import|require)\s*\(\s*(['"])([^'"]+)\1/g

/** The specifiers a file imports or re-exports, in order of kind, without doubles. */
export function findImports(text: string): string[] {
  const code = text.replace(commentOrString, (match) => (/^['"]/.test(match) ? match : ' '))
  const found = new Set<string>()
  for (const shape of [fromClause, bareImport, importCall]) {
    for (const match of code.matchAll(shape)) if (match[2] !== undefined) found.add(match[2])
  }
  return [...found]
}

/** The code with comments gone and strings emptied, for looking up what it calls. */
export function stripText(text: string): string {
  return text.replace(commentOrString, (match) => (/^['"]/.test(match) ? `''` : ' '))
}
