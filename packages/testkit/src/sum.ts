// Figures of many as one.

/** The sum of what `measure` says of each item. */
export function sum<Item>(items: readonly Item[], measure: (item: Item) => number): number {
  return items.reduce((total, item) => total + measure(item), 0)
}
