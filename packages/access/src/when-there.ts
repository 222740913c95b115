// Values that mostly are there already. A promise for each step of a check costs more than the step.

/** Uses a value now if it is there, else when it comes. */
export function whenThere<Value, Result>(
  value: Value | Promise<Value>,
  use: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(use) : use(value)
}
