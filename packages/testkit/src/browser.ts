// Real browsers for tests: Debian's Chromium and Firefox ESR, headless, each with a fresh profile.

import { existsSync } from 'node:fs'
import type { Browser, LaunchOptions } from 'puppeteer-core'

export type BrowserName = 'chromium' | 'firefox'

/** Both, for tests that hold in each. */
export const browserNames: readonly BrowserName[] = ['chromium', 'firefox']

interface Product {
  readonly variable: string
  readonly path: string
  readonly package: string
  readonly launch: LaunchOptions
}

const products: Readonly<Record<BrowserName, Product>> = {
  chromium: {
    variable: 'TIDEMARK_CHROMIUM',
    path: '/usr/bin/chromium',
    package: 'chromium',
    launch: {
      browser: 'chrome',
      args: [
        // Chromium refuses to run as root inside its sandbox, and build machines are root.
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  firefox: {
    variable: 'TIDEMARK_FIREFOX',
    path: '/usr/bin/firefox-esr',
    package: 'firefox-esr',
    launch: { browser: 'firefox' },
  },
}

/**
 * Starts a browser; whoever starts it closes it. Looks where `TIDEMARK_CHROMIUM` or
 * `TIDEMARK_FIREFOX` says, else where Debian puts it; throws when nothing is there.
 */
export async function launchBrowser(name: BrowserName): Promise<Browser> {
  const { launch: options } = products[name]
  const executablePath = findExecutable(name)
  // Loaded late: it takes half a second, which tests without a browser need not spend.
  const { launch } = await import('puppeteer-core')
  return launch({
    ...options,
    executablePath,
    headless: true,
    // A browser starts in 2 s on a machine of its own.
    timeout: 180_000,
    // Tests make their own certificates, which nobody has signed.
    acceptInsecureCerts: true,
  })
}

function findExecutable(name: BrowserName): string {
  const product = products[name]
  const path = process.env[product.variable] ?? product.path
  if (existsSync(path)) return path
  throw new Error(
    `The browser tests need ${name}, and there is none at ${path}. Install it (apt-get install ${product.package}) or say where it is with ${product.variable}.`,
  )
}
