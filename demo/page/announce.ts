const pending = new Map<string, string>()
let timer: ReturnType<typeof setTimeout> | undefined

/** Tells screen readers of a change. What changes again at once is told once, and changes of several things in one sentence each. */
export function announce(subject: string, change: string): void {
  pending.set(subject, change)
  clearTimeout(timer)
  timer = setTimeout(() => {
    const status = document.querySelector('#status')
    if (status) status.textContent = Array.from(pending, ([subject, change]) => `${subject}: ${change}.`).join(' ')
    pending.clear()
  }, 300)
}
