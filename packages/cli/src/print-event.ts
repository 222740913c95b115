// An event as one line: for people, or as JSON for programs.

import type { FeedEvent } from '@tidemark/client'
import { escapeControls } from './escape-controls.ts'
import { shownDataMax } from './limits.ts'

/**
 * `2026-11-20 22:07:25.123  orders/42  paid  {"total":12}`, with line breaks and control characters
 * shown as escapes.
 */
export function renderForPeople(event: FeedEvent, hasColours: boolean): string {
  const paint = hasColours ? colour : plain
  const key = event.key === undefined ? '' : ` ${paint('dim', `[${escapeControls(event.key)}]`)}`
  const columns = [
    paint('dim', formatTime(event.time)),
    paint('cyan', escapeControls(event.topic === '' ? '-' : event.topic)),
    paint('yellow', escapeControls(event.type)) + key,
    shorten(event.text),
  ]
  return `${columns.join('  ')}\n`
}

/**
 * One JSON object per line. `data` is decoded when the payload is JSON. `text` is the payload as
 * published. It is there only when `data` does not give it back exactly (spaces, `1.0`, long numbers).
 */
export function renderForPrograms(event: FeedEvent): string {
  const { id, topic, type, key, tags, time, data, text } = event
  const shown = typeof data === 'string' ? data : JSON.stringify(data)
  const exact = shown === text ? undefined : text
  return `${escapeControls(JSON.stringify({ cursor: id, topic, type, key, tags, time, data, text: exact }))}\n`
}

function shorten(text: string): string {
  if (text.length <= shownDataMax) return escapeControls(text)
  return `${escapeControls(text.slice(0, shownDataMax))}… (${text.length} characters)`
}

function formatTime(time: number | undefined): string {
  if (time === undefined) return '-'
  const date = new Date(time)
  const two = (number: number): string => String(number).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

// ECMA-48, "Select Graphic Rendition".
const graphics = { dim: 2, yellow: 33, cyan: 36 } as const

function colour(name: keyof typeof graphics, text: string): string {
  return `\u001b[${graphics[name]}m${text}\u001b[0m`
}

function plain(_name: keyof typeof graphics, text: string): string {
  return text
}
