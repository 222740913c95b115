// `/admin/rules`: the rules for topics that change at run time, in the form of the configuration file.

import { ServerError } from '@tidemark/server'
import type { RulesInForce, Tidemark, TideRules } from '@tidemark/server'
import { nearestName, quote } from '@tidemark/wire/values'
import { checkValue } from '../config/check-config.ts'
import { describeFault } from '../config/faults.ts'
import type { RuleConfig } from '../config/hub-config.ts'
import { settings } from '../config/settings.ts'
import { HubError } from '../errors.ts'
import { fromKeptRules, toKeptRules } from '../kept-rules.ts'
import { parseJson } from '../parse-json.ts'
import { ruleSettings } from '../plan-rules.ts'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

type RuleName = keyof TideRules

const list: Route = async ({ response, query }, { tide }) => {
  readQuery(query, [])
  const names = Object.keys(ruleSettings).map((name) => requireName(name))
  const rules = Object.fromEntries(names.map((name) => [name, describe(tide, name)]))
  sendJson(response, 200, { rules })
}

const show: Route = async ({ response, query, parts }, { tide }) => {
  readQuery(query, [])
  sendJson(response, 200, describe(tide, requireName(parts['name'] ?? '')))
}

/** Answers with the cursor from which on the list is in force, at every node. */
const replace: Route = async ({ request, response, query, parts }, { tide, bodies }) => {
  readQuery(query, [])
  const name = requireName(parts['name'] ?? '')
  const cursor = await bodies.read(request, (text) => change(tide, name, parseJson(text)))
  sendJson(response, 200, { cursor })
}

/** The routes of rules. */
export const ruleRoutes: Readonly<Record<'list' | 'replace' | 'show', Route>> = {
  list,
  replace,
  show,
}

function describe(tide: Tidemark, name: RuleName): { from: string; rules: readonly unknown[] } {
  const { from, list: rules } = tide.rules[name]
  return { from, rules: name === 'retention' ? fromKeptRules(tide.rules.retention.list) : rules }
}

async function change(tide: Tidemark, name: RuleName, given: unknown): Promise<string> {
  const rules = readRules(name, given)
  if (name === 'retention')
    return tide.rules.retention.replace(toKeptRules(rules as readonly RuleConfig[]))
  // The schema of its setting has made it a list of this kind, and the kind checks it once more.
  const kind = tide.rules[name] as RulesInForce<unknown>
  return kind.replace(rules)
}

/** The list, by the schema that its setting in the file has. */
function readRules(name: RuleName, given: unknown): readonly unknown[] {
  const row = settings.find((each) => each.name === ruleSettings[name])
  if (row === undefined) throw new Error(`There is no setting ${ruleSettings[name]}.`)
  const { faults, value } = checkValue(row, given)
  if (faults.length === 0) return value as readonly unknown[]
  const said = faults.map((fault) => describeFault(fault, new Map())).join('; ')
  throw new ServerError(
    'RULE_INVALID',
    `The rules of the kind ${name} cannot hold: ${said}. Send the whole list, as \`${row.name}\` in the configuration file.`,
  )
}

function requireName(given: string): RuleName {
  if (Object.hasOwn(ruleSettings, given)) return given as RuleName
  const names = Object.keys(ruleSettings)
  const nearest = nearestName(given, names)
  const hint = nearest === undefined ? `Known are ${names.join(', ')}.` : `Did you mean ${nearest}?`
  throw new HubError('NOT_FOUND', `There are no rules of the kind ${quote(given)}. ${hint}`)
}
