// `GET /admin/explain`: for those who run the hub, and nobody sees a token there.

import { describe, expect, test } from 'vitest'
import { startTestHub } from './support/test-hub.ts'
import { grantToken, secret, signToken } from './support/tokens.ts'

const flags = { 'auth-secret': secret }
const admin = (): Promise<string> => grantToken({ permissions: ['admin'] })

async function ask(
  url: string,
  query: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: unknown; readonly text: string }> {
  const answer = await fetch(`${url}/admin/explain${query}`, { headers })
  const text = await answer.text()
  return { status: answer.status, text, body: JSON.parse(text) }
}

describe('a hub that asks who is there', () => {
  test('explains the token in a header of its own, and shows it to nobody', async () => {
    const { url } = await startTestHub(flags)
    const token = await grantToken({ subscribe: ['news'] })
    const headers = { Authorization: `Bearer ${await admin()}`, 'Tidemark-Token': token }
    const { status, body, text } = await ask(url, '?subscribe=news&subscribe=orders/1', headers)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      isAllowed: false,
      checks: expect.arrayContaining([
        expect.objectContaining({ name: 'subscribe', isPassed: true }),
        expect.objectContaining({ name: 'subscribe', isPassed: false, code: 'TOPIC_FORBIDDEN' }),
      ]),
      grant: { user: 'ada', subscribe: ['news'] },
    })
    for (const part of token.split('.')) expect(text).not.toContain(part)
  })

  test('explains a token that does not hold', async () => {
    const { url } = await startTestHub(flags)
    const token = await signToken({ seconds: -60 })
    const headers = { Authorization: `Bearer ${await admin()}`, 'Tidemark-Token': token }
    const { body } = await ask(url, '', headers)
    expect(body).toMatchObject({ isAllowed: false })
    expect((body as { readonly checks: readonly unknown[] }).checks.at(-1)).toMatchObject({
      name: 'times',
      isPassed: false,
      code: 'TOKEN_EXPIRED',
      fix: expect.any(String),
    })
  })

  test('explains the request itself where no token is handed in', async () => {
    const { url } = await startTestHub(flags)
    const headers = { Authorization: `Bearer ${await admin()}` }
    const { body } = await ask(url, '?permission=admin', headers)
    expect(body).toMatchObject({ isAllowed: true, grant: { permissions: ['admin'] } })
  })

  test('refuses a name that is none, and more names than can be explained', async () => {
    const { url } = await startTestHub(flags)
    const headers = { Authorization: `Bearer ${await admin()}` }
    const many = Array.from({ length: 101 }, (_, i) => `subscribe=a${i}`).join('&')
    for (const query of ['?topic=a', `?${many}`]) {
      expect(await ask(url, query, headers)).toMatchObject({
        status: 400,
        body: { code: 'QUERY_INVALID' },
      })
    }
  })

  test('explains nothing to others, nor to a cookie without its page', async () => {
    const { url } = await startTestHub(flags)
    expect(await ask(url, '')).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } })
    const user = { Authorization: `Bearer ${await signToken()}` }
    expect(await ask(url, '', user)).toMatchObject({
      status: 403,
      body: { code: 'PERMISSION_MISSING' },
    })
    const cookie = { Cookie: `tidemark=${await admin()}` }
    expect(await ask(url, '', cookie)).toMatchObject({ status: 403, body: { code: 'CROSS_SITE' } })
    const page = { ...cookie, 'Sec-Fetch-Site': 'same-origin' }
    expect(await ask(url, '', page)).toMatchObject({ status: 200 })
    const image = { ...cookie, 'Sec-Fetch-Site': 'cross-site' }
    expect(await ask(url, '', image)).toMatchObject({ status: 403, body: { code: 'CROSS_SITE' } })
  })
})

test('a hub of everybody on this machine has nothing to explain', async () => {
  const { url } = await startTestHub()
  expect(await ask(url, '')).toMatchObject({
    status: 404,
    body: { detail: expect.stringContaining('does not ask who is there') },
  })
})
