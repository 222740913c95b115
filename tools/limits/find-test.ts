// Whether a file of tests runs a test of a name: not skipped, not commented out, not only mentioned.

const notRun = /\b(?:test|it|describe|suite)\.(?:skip|skipIf|runIf|todo|only|fails)\b/

/**
 * Looks for `test('name', …)`, or the same behind a table of `each` or `for`. A file that leaves any
 * test out runs none for sure.
 */
export function runsTest(source: string, name: string): boolean {
  const code = source.replaceAll(/^[^\S\n]*\/\/.*$/gm, '').replaceAll(/\/\*[^]*?\*\//g, '')
  if (notRun.test(code)) return false
  return ["'", '"', '`'].some((quote) => {
    const at = code.indexOf(`${quote}${name}${quote},`)
    return at !== -1 && /(?:\btest|\))\(\s*$/.test(code.slice(0, at))
  })
}
