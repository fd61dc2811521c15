/** What was remembered under a key in this browser; undefined if nothing can be read. */
export function recall(key: string): unknown {
  try {
    const text = localStorage.getItem(key);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined; // not ours, or storage is switched off
  }
}

/** Remembers a value in this browser, if it lets us. */
export function remember(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage is full or switched off: the choice holds until the tab is closed.
  }
}
