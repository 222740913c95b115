// Holds comments and documents against rule 16 of STYLE.md: short lines, short sentences, no sentence
// turned around.

/** Characters of a line of prose. */
export const proseLineMax: number = 110

/** Words of a sentence. */
export const sentenceWordsMax: number = 25

/** One paragraph of prose, with the line of the file on which it begins. */
interface Paragraph {
  readonly line: number
  readonly text: string
}

/** The faults in the comments of a TypeScript file; `<line>: <fault>`. */
export function checkComments(text: string): string[] {
  const lines = text.split('\n')
  return [...checkLines(lines, (line) => isComment(line)), ...checkSentences(readComments(lines))]
}

/** The faults in a Markdown document; tables, code and headings are free. */
export function checkDocument(text: string): string[] {
  const lines = blankCode(text).split('\n')
  const isProse = (line: string): boolean => !/^\s*\||^#|^\s*!?\[/.test(line)
  return [...checkLines(lines, isProse), ...checkSentences(readDocument(lines))]
}

function checkLines(lines: readonly string[], isProse: (line: string) => boolean): string[] {
  return lines.flatMap((line, i) =>
    isProse(line) && line.length > proseLineMax && !/\S{60}/.test(line)
      ? [`${i + 1}: has ${line.length} characters; ${proseLineMax} at most.`]
      : [],
  )
}

function checkSentences(paragraphs: readonly Paragraph[]): string[] {
  return paragraphs.flatMap(({ line, text }) =>
    splitSentences(text).flatMap((sentence) => {
      const words = countWords(sentence)
      const found: string[] = []
      if (words > sentenceWordsMax)
        found.push(
          `${line}: has a sentence of ${words} words; ${sentenceWordsMax} at most: ${sentence}`,
        )
      if (/^(?:Who|Whoever|What)\b(?!'s)/.test(sentence) && !sentence.endsWith('?'))
        found.push(
          `${line}: begins a sentence with its object; begin with the subject: ${sentence}`,
        )
      return found
    }),
  )
}

/** Ends at a full stop, a question mark or an exclamation mark before a space and no small letter. */
function splitSentences(text: string): string[] {
  const spans = text.replaceAll(/`[^`]*`|\{@\w+ [^}]*\}/g, (span) => span.replaceAll(/[\s.]/g, '·'))
  return spans
    .split(/(?<=[.?!][)"'»]?)\s+(?=[^a-z])/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '')
}

function countWords(sentence: string): number {
  return sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length
}

function isComment(line: string): boolean {
  return /^\s*(?:\/\/|\/\*|\*(?:\s|\/|$))/.test(line)
}

/** The comments, each paragraph for itself. Indented parts are diagrams or examples. */
function readComments(lines: readonly string[]): Paragraph[] {
  const paragraphs: Paragraph[] = []
  let open: { line: number; text: string } | undefined
  let isExample = false
  const close = (): void => {
    if (open !== undefined) paragraphs.push(open)
    open = undefined
  }
  for (const [i, line] of lines.entries()) {
    const said = isComment(line)
      ? line.replace(/^\s*(?:\/\/|\/\*\*?|\*(?!\/))?/, '').replace(/\*\/\s*$/, '')
      : undefined
    if (said === undefined || /^\s*\/\*/.test(line)) {
      close()
      isExample = false
    }
    if (said === undefined) continue
    const words = said.trim()
    if (words.startsWith('@')) {
      close()
      isExample = words.startsWith('@example')
    }
    if (isExample || words === '' || /^ {2,}/.test(said) || /^\s*(?:oxlint|eslint)-/.test(said)) {
      close()
      continue
    }
    if (words.startsWith('- ')) close()
    if (open === undefined) open = { line: i + 1, text: words.replace(/^(?:- |@\w+ )/, '') }
    else open.text += ` ${words}`
  }
  close()
  return paragraphs
}

function readDocument(lines: readonly string[]): Paragraph[] {
  const paragraphs: Paragraph[] = []
  let open: { line: number; text: string } | undefined
  for (const [i, line] of [...lines, ''].entries()) {
    const words = line.trim()
    const isBreak = words === '' || /^[#|]/.test(words) || /^(?:[-*]|\d+\.) /.test(words)
    if (isBreak && open !== undefined) {
      paragraphs.push(open)
      open = undefined
    }
    if (words === '' || /^[#|]/.test(words)) continue
    const said = words.replace(/^(?:[-*]|\d+\.) /, '').replaceAll('**', '')
    if (open === undefined) open = { line: i + 1, text: said }
    else open.text += ` ${said}`
  }
  return paragraphs
}

/** Code blocks as empty lines, so that line numbers stay. */
function blankCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, (code) => code.replaceAll(/[^\n]/g, ''))
}
