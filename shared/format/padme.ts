/**
 * Padmé (docs/protocol.md §7): the length that `length` is padded to. It grows by at most 12 % and tells a reader of
 * the length only O(log log n) bits. Exact to 2⁵³ − 1, beyond the 32 bits of JavaScript's bitwise operators.
 */
export function padme(length: number): number {
  if (!Number.isSafeInteger(length) || length < 0) throw new RangeError(`length ${length}`)
  if (length < 2) return length
  const exponent = floorLog2(length)
  const bits = floorLog2(exponent) + 1
  const step = 2 ** (exponent - bits)
  return step <= 1 ? length : Math.ceil(length / step) * step
}

function floorLog2(value: number): number {
  // Math.log2 rounds up just below large powers of two; counting bits is exact.
  return value.toString(2).length - 1
}
