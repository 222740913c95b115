// Ids that nobody else has drawn.

/** 120 bits of chance. */
export function drawId(random: () => number): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(random() * 2 ** 30)
      .toString(36)
      .padStart(6, '0'),
  ).join('')
}
