import { useSyncExternalStore } from "react";
import { batchPutProfileObject } from "../../api/profile";
import { session } from "../../session/session";
import { type Outcome, type Progress, type Send, Upload } from "./engine";

/** The upload of this tab: there is one at a time, and it goes on while its user visits other pages. */
export interface CurrentUpload {
  domain: string;
  objectType: string;
  upload: Upload;
}

let current: CurrentUpload | undefined;
const listeners = new Set<() => void>();

function set(next: CurrentUpload | undefined): void {
  current = next;
  for (const listener of listeners) listener();
}

const unfinished = ({ phase }: Progress): boolean => phase === "running" || phase === "paused" || phase === "stopping";

/** Whether the tab has an upload that is not finished. */
export const isUploading = (): boolean => current !== undefined && unfinished(current.upload.progress);

// A tab that is closed ends the upload.
addEventListener("beforeunload", (e) => {
  if (isUploading()) e.preventDefault();
});

// So does whoever signs out: nobody else's records are sent in another name.
session.subscribe(() => {
  const { state } = session;
  if (state.phase === "absent" && current) {
    current.upload.cancel();
    set(undefined);
  }
});

/** Begins an upload; undefined if another one is not finished. */
export function startUpload(options: { domain: string; objectType: string; file: File; inOrder: boolean; problem: ConstructorParameters<typeof Upload>[0]["problem"] }): CurrentUpload | undefined {
  if (isUploading()) return undefined;
  const { domain, objectType, file, inOrder, problem } = options;
  const upload = new Upload({ file, send: sender(domain, objectType), inOrder, problem });
  const started = { domain, objectType, upload };
  set(started);
  void upload.run();
  return started;
}

/** Puts a finished upload away. */
export function forgetUpload(): void {
  if (!isUploading()) set(undefined);
}

/** The upload of this tab, if it has one. */
export function useCurrentUpload(): CurrentUpload | undefined {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}

const idle: Progress = { phase: "cancelled", done: 0, size: 0, taken: 0, refused: 0, reasons: [], error: undefined, worked: 0 };

/** How far an upload is. */
export function useProgress(upload: Upload | undefined): Progress {
  return useSyncExternalStore(
    (listener) => upload?.subscribe(listener) ?? (() => undefined),
    () => upload?.progress ?? idle,
  );
}

/** Sends records of an object type to a domain. */
export function sender(domain: string, objectType: string, call: typeof putBatch = putBatch): Send {
  const send: Send = async (records, signal) => {
    try {
      return await call(domain, objectType, records, signal);
    } catch (e) {
      const { name, message, $metadata } = e as Error & { $metadata?: { httpStatusCode?: number } };
      if ($metadata?.httpStatusCode !== 400 || !/BadRequest|Validation/.test(name)) throw e;
      if (records.length === 1) return [{ reason: message, code: 400 }];
      // One of them is to blame for the whole call.
      const outcomes: Outcome[] = [];
      for (const record of records) outcomes.push(...(await send([record], signal)));
      return outcomes;
    }
  };
  return send;
}

async function putBatch(domain: string, objectType: string, records: readonly string[], signal: AbortSignal): Promise<Outcome[]> {
  const Items = records.map((record, i) => ({ Id: String(i), Object: record }));
  const out = await batchPutProfileObject({ DomainName: domain, ObjectTypeName: objectType, Items }, signal);
  const outcomes = new Map<string | undefined, Outcome>();
  for (const s of out.Successful ?? []) outcomes.set(s.Id, { reason: "", code: 200 });
  for (const f of out.Failed ?? []) outcomes.set(f.Id, { reason: f.Message ?? "", code: f.Code ?? 500 });
  return Items.map(({ Id }) => {
    const outcome = outcomes.get(Id);
    if (!outcome) throw new Error("the server did not say what became of a record");
    return outcome;
  });
}
