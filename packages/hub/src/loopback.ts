// Names that stand for this machine only.

/** Whether a host name (without port) stands for this machine only. */
export function isLoopbackName(name: string): boolean {
  const lower = name.toLowerCase().replace(/\.$/, '')
  if (lower === 'localhost' || lower.endsWith('.localhost')) return true
  return lower === '[::1]' || lower === '::1' || /^127(?:\.\d{1,3}){3}$/.test(lower)
}
