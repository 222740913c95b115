// Counts a vitest run from its JSON report, so that nothing that did not run can look like a success.

/** The report of vitest's `json` reporter, as far as it is counted. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** Passed and failed, with a sentence for each failure the list of tests alone does not show. */
export interface Count {
  readonly passed: number
  readonly failed: number
  readonly notes: readonly string[]
}

/**
 * A skipped test counts as failed. So does a file that could not be loaded, and a run that failed for
 * another reason (an unhandled rejection).
 */
export function countTests(report: VitestReport, exitCode: number): Count {
  let passed = 0
  let failed = 0
  const notes: string[] = []
  for (const file of report.testResults) {
    let failedHere = 0
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'passed') passed += 1
      else failedHere += 1
      if (status !== 'passed' && status !== 'failed') notes.push(`${status}: ${fullName}`)
    }
    if (file.status === 'failed' && failedHere === 0) {
      failedHere = 1
      notes.push(`could not run: ${file.name}`)
    }
    failed += failedHere
  }
  if (exitCode !== 0 && failed === 0) {
    failed = 1
    notes.push(`vitest ended with ${exitCode} though no test failed; see its output above.`)
  }
  return { passed, failed, notes }
}
