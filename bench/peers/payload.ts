// The payload that is published: a marker and a number that the load generator writes and finds again,
// and filling.

/** `load/stream.c` looks for this; eight digits follow. */
const stamp = 'TIDEMARK00000000'

/** An event of exactly so many letters and digits: nothing that JSON or a form would escape. */
export function textPayload(bytes: number): string {
  return stamp.padEnd(bytes, 'abcdefghijklmnopqrstuvwxyz0123456789')
}

/** Orders as JSON of about 1 KB, no two of the same content, as a shop's feed would carry them. */
export function orderPayload(number: number): string {
  const lines = Array.from({ length: 14 }, (_, line) => ({
    sku: `${'ABCDEFGH'[(number * 5 + line * 3) % 8]}${(number * 7919 + line * 104_729) % 1_000_000}`,
    name: names[(number * 3 + line * 5) % names.length],
    quantity: ((number * 31 + line * 17) % 9) + 1,
    price: ((number * 7_907 + line * 6_101) % 100_000) / 100,
  }))
  return JSON.stringify({
    stamp,
    order: 4_000_000 + number * 37,
    customer: { id: (number * 15_485_863) % 10_000_019, country: countries[number % 7] },
    state: states[number % 4],
    placedAt: new Date(1_790_000_000_000 + number * 61_357).toISOString(),
    lines,
  })
}

/** So many of those orders as one JSON document, about a kilobyte each. */
export function documentPayload(number: number, orders: number): string {
  const documents = Array.from({ length: orders }, (_, i) => orderPayload(number * orders + i))
  return `{"stamp":"${stamp}","orders":[${documents.join(',').replaceAll(stamp, '')}]}`
}

const names = [
  'Teapot',
  'Kettle, 1.7 l',
  'Lamp',
  'Notebook A5',
  'Pencil HB',
  'Chair',
  'Desk',
  'Rug',
]
const states = ['placed', 'paid', 'packed', 'shipped']
const countries = ['DE', 'FR', 'NL', 'PL', 'SE', 'ES', 'IT']
