export function plot() {
  return ''
}
