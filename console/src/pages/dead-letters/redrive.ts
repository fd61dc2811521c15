import type { DeadLetterTally, RedriveDeadLettersRequest, RedriveDeadLettersResponse, RedriveResult } from "../../api/kindred.types";

/** Which letters are sent again: chosen ones, those of an object type with an error, or all. */
export type Scope = { kind: "letters"; ids: readonly string[] } | { kind: "error"; objectType: string; message: string } | { kind: "all" };

/** What became of letters so far. */
export interface Sum {
  /** How many there are to be sent, as far as is known. */
  total: number;
  redriven: number;
  failed: number;
  skipped: number;
  /** Messages that others held, and that were not seen. */
  inFlight: number;
  /** Letters are left that were not tried. */
  more: boolean;
  /** Errors, the most frequent first. */
  failures: readonly DeadLetterTally[];
  /** What there is to say of single letters. */
  notes: readonly RedriveResult[];
}

/** The API takes this many ids in a call. */
const idsPerCall = 1000;
const notesShown = 20;

/**
 * How many letters a call is asked for. Each call looks into the whole queue, so it
 * should be few calls, but enough that one sees the progress.
 */
export function perCall(count: number): number {
  return Math.min(5000, Math.max(100, Math.ceil(count / 10)));
}

/**
 * Sends letters again, or tells what would become of them (dryRun), call by call until
 * none is left that was not tried, and reports what became of them after each. count is
 * how many there are, as far as is known. It stops when the signal says so, with the
 * error of the call that was aborted.
 */
export async function redrive(
  call: (input: RedriveDeadLettersRequest) => Promise<RedriveDeadLettersResponse>,
  domain: string,
  scope: Scope,
  dryRun: boolean,
  count: number,
  report: (sum: Sum) => void,
): Promise<Sum> {
  let sum: Sum = { total: count, redriven: 0, failed: 0, skipped: 0, inFlight: 0, more: false, failures: [], notes: [] };
  for (const part of parts(scope)) {
    const before = sum;
    let first = true;
    for (let token: string | undefined; ; ) {
      const out = await call({ DomainName: domain, ...part, DryRun: dryRun, Limit: perCall(count), ...(token && { NextToken: token }) });
      // The first answer tells how many match; later ones only how many are left.
      const total = scope.kind === "letters" || !first ? sum.total : before.redriven + before.failed + out.Matched;
      sum = add({ ...sum, total }, out);
      report(sum);
      first = false;
      // Without a token a further call begins anew: with letters that failed before,
      // and, where nothing is changed, with the same ones.
      const again = out.More && (out.NextToken !== undefined ? out.Redriven + out.Failed + out.Skipped > 0 : !dryRun && out.Redriven > 0);
      if (!again) break;
      token = out.NextToken;
    }
  }
  return sum;
}

function* parts(scope: Scope): Generator<Pick<RedriveDeadLettersRequest, "Ids" | "ObjectTypeName" | "Message">> {
  if (scope.kind === "all") yield {};
  else if (scope.kind === "error") yield { ObjectTypeName: scope.objectType, Message: scope.message };
  else for (let at = 0; at < scope.ids.length; at += idsPerCall) yield { Ids: scope.ids.slice(at, at + idsPerCall) };
}

function add(sum: Sum, out: RedriveDeadLettersResponse): Sum {
  const failures = sum.failures.map((f) => ({ ...f }));
  for (const f of out.Failures) {
    const same = failures.find((g) => g.ObjectTypeName === f.ObjectTypeName && g.Message === f.Message);
    if (same) same.Count += f.Count;
    else failures.push({ ...f });
  }
  // Messages that are no letters of the domain are seen, and skipped, by every call.
  const lost = out.Results.filter((r) => r.State === "SKIPPED");
  return {
    ...sum,
    redriven: sum.redriven + out.Redriven,
    failed: sum.failed + out.Failed,
    skipped: sum.skipped + lost.length,
    inFlight: out.InFlight,
    more: out.More,
    failures: failures.sort((a, b) => b.Count - a.Count),
    notes: [...sum.notes, ...out.Results.filter((r) => r.Note)].slice(0, notesShown),
  };
}
