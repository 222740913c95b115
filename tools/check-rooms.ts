// Holds rooms against the layering table and the rules of STYLE.md that a linter cannot see.

import { posix } from 'node:path'
import { findImports, stripText } from './imports.ts'
import { cliPackageName, driverRooms, fileLinesMax } from './layering.ts'
import type { RoomRule } from './layering.ts'
import type { Room, SourceFile } from './read-rooms.ts'

type Layering = Readonly<Record<string, RoomRule>>

/** The faults, one sentence each; empty when the rooms keep the rules. */
export function checkRooms(rooms: readonly Room[], layering: Layering): string[] {
  return [
    ...checkTable(layering),
    ...rooms.flatMap((room) => {
      const rule = layering[room.name]
      if (rule === undefined) return [`${room.name}: has no row in tools/layering.ts; give it one.`]
      return [
        ...checkManifest(room, rule),
        ...room.files.flatMap((file) => [
          ...checkImports(room, rule, file),
          ...checkText(file).map((finding) => `${room.name}/src/${file.path}: ${finding}`),
        ]),
        ...findCycles(room),
      ]
    }),
  ]
}

function checkTable(layering: Layering): string[] {
  const names = Object.keys(layering)
  return names.flatMap((name, i) =>
    (layering[name]?.mayImport ?? [])
      .filter((target) => !names.slice(0, i).includes(target))
      .map((target) => `tools/layering.ts: ${name} may import ${target}, which is not below it.`),
  )
}

function checkManifest(room: Room, rule: RoomRule): string[] {
  const { name, version, dependencies = {}, peerDependencies = {} } = room.manifest
  const findings: string[] = []
  const expectedName = room.name === 'cli' ? cliPackageName : `@tidemark/${room.name}`
  if (name !== expectedName) findings.push(`is named ${name}, not ${expectedName}.`)
  const internal = new Set<string>()
  for (const [dependency, range] of Object.entries({ ...dependencies, ...peerDependencies })) {
    const target = roomOf(dependency)
    if (target === undefined) {
      if (!rule.npm) findings.push(`depends on ${dependency}; it may have no npm dependency.`)
      continue
    }
    internal.add(target)
    if (!rule.mayImport.includes(target)) findings.push(`may not depend on ${target}.`)
    if (range !== version) findings.push(`needs ${dependency} ${range}; lockstep wants ${version}.`)
  }
  for (const target of [...internal].filter((each) => !room.references.includes(each))) {
    findings.push(`depends on ${target}, but its tsconfig.json does not reference it.`)
  }
  for (const target of room.references.filter((each) => !internal.has(each))) {
    findings.push(`references ${target} in tsconfig.json without depending on it.`)
  }
  return findings.map((finding) => `${room.name}/package.json: ${finding}`)
}

function checkImports(room: Room, rule: RoomRule, file: SourceFile): string[] {
  const findings: string[] = []
  const declared = { ...room.manifest.dependencies, ...room.manifest.peerDependencies }
  for (const specifier of findImports(file.text)) {
    if (specifier.startsWith('.')) {
      if (posix.join(posix.dirname(file.path), specifier).startsWith('..')) {
        findings.push(`imports ${specifier}, outside its src; use the package's name.`)
      }
      continue
    }
    if (specifier.startsWith('node:')) {
      if (!mayUseNode(rule, file.path)) findings.push(`imports ${specifier}; no node: here.`)
      continue
    }
    const dependency = packageOf(specifier)
    const target = roomOf(dependency)
    if (target === undefined ? !rule.npm : !rule.mayImport.includes(target)) {
      findings.push(`may not import ${specifier}.`)
    } else if (!(dependency in declared)) {
      findings.push(`imports ${specifier}, which its package.json does not name.`)
    }
    if (specifier === '@tidemark/log/driver' && !driverRooms.includes(room.name)) {
      findings.push('imports @tidemark/log/driver; positions are opaque outside the drivers.')
    }
  }
  return findings.map((finding) => `${room.name}/src/${file.path}: ${finding}`)
}

function mayUseNode(rule: RoomRule, path: string): boolean {
  if (typeof rule.node === 'boolean') return rule.node
  return rule.node.some((folder) => path.startsWith(`${folder}/`))
}

const clockCalls =
  /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bMath\.random\b|\bset(?:Timeout|Interval)\b/g
const exportLists = /export (?:type )?\{[^}]*\} from ''/g

function checkText({ path, text }: SourceFile): string[] {
  const findings: string[] = []
  const name = posix.basename(path)
  const lines = text.split('\n').length - 1
  if (lines > fileLinesMax) findings.push(`has ${lines} lines; ${fileLinesMax} at most. Split it.`)
  if (name === 'index.ts') {
    const rest = stripText(text).replace(exportLists, '').trim()
    if (rest !== '') findings.push('does more than name exports; index.ts may not.')
  } else if (!/^(?:#![^\n]*\n)?(?:\/\/ |\/\*\*)/.test(text)) {
    findings.push('does not begin with a header sentence that says what the file is.')
  }
  if (name !== 'clock.ts') {
    for (const call of new Set(stripText(text).match(clockCalls))) {
      findings.push(`uses ${call}; time and randomness are handed in.`)
    }
  }
  return findings
}

/** Cycles among the files of a room, types included; each is named once, from its first file. */
function findCycles(room: Room): string[] {
  const targets = new Map(room.files.map((file) => [file.path, readTargets(file)]))
  const done = new Set<string>()
  const findings: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      findings.push(`${room.name}/src: a cycle: ${[...trail.slice(start), path].join(' → ')}.`)
      return
    }
    if (done.has(path)) return
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of targets.keys()) visit(path, [])
  return findings
}

function readTargets(file: SourceFile): string[] {
  return findImports(file.text)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(posix.dirname(file.path), specifier))
}

function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/')
  return first.startsWith('@') ? `${first}/${second}` : first
}

function roomOf(dependency: string): string | undefined {
  if (dependency === cliPackageName) return 'cli'
  return dependency.startsWith('@tidemark/') ? dependency.slice('@tidemark/'.length) : undefined
}
