// Flags of a benchmark, `--name=value`.

/** The value of a flag; undefined when it is not given. */
export function readFlag(name: string): string | undefined {
  const prefix = `--${name}=`
  return process.argv.find((argument) => argument.startsWith(prefix))?.slice(prefix.length)
}
