/** Prints the problems a check has found and sets the exit code; without any, prints what was seen. */
export function finish(problems, seen) {
  for (const problem of problems) console.error(`✗ ${problem}`)
  if (problems.length > 0) {
    console.error(`${problems.length} problem${problems.length === 1 ? '' : 's'}`)
    process.exitCode = 1
  } else {
    console.log(`✓ ${seen}`)
  }
}
