import { type Duration, durationOf, secondsOf } from "../../components/duration";
import { queueArn, queueName, type Queue } from "../../resources/queues";

/** The settings of a queue as they are entered. */
export interface Settings {
  visibility: Duration;
  retention: Duration;
  delay: Duration;
  wait: Duration;
  maximumSize: string;
  /** Messages that are received too often go to another queue. */
  moves: boolean;
  /** The URL of that queue. */
  target: string | undefined;
  receives: string;
}

/** The settings of a queue as it is. other is the URL of the queue that its redrive policy names. */
export function settingsOf(queue: Queue, other: string | undefined): Settings {
  return {
    visibility: durationOf(queue.visibility),
    retention: durationOf(queue.retention),
    delay: durationOf(queue.delay),
    wait: durationOf(queue.wait),
    maximumSize: String(queue.maximumSize),
    moves: queue.redrive !== undefined,
    target: other,
    receives: String(queue.redrive?.receives ?? 10),
  };
}

// The API's limits of queue attributes.
const limits = { visibility: [0, 43_200], retention: [60, 1_209_600], delay: [0, 900], wait: [0, 20], maximumSize: [1024, 1_048_576], receives: [1, 1000] } as const;

const whole = (text: string): number | undefined => (/^\d{1,9}$/.test(text.trim()) ? Number(text) : undefined);
const within = (n: number | undefined, [least, most]: readonly [number, number]): boolean => n !== undefined && n >= least && n <= most;

/** The settings that break a rule. */
export function faults(s: Settings): Set<keyof Settings> {
  const found = new Set<keyof Settings>();
  for (const name of ["visibility", "retention", "delay", "wait"] as const) if (!within(secondsOf(s[name]), limits[name])) found.add(name);
  if (!within(whole(s.maximumSize), limits.maximumSize)) found.add("maximumSize");
  if (s.moves && s.target === undefined) found.add("target");
  if (s.moves && !within(whole(s.receives), limits.receives)) found.add("receives");
  return found;
}

/** The attributes that have been changed, as SetQueueAttributes takes them. */
export function changes(queue: Queue, s: Settings, place: { region: string; accountId: string }): Record<string, string> {
  const out: Record<string, string> = {};
  const number = (name: string, is: number, wanted: number | undefined): void => {
    if (wanted !== undefined && wanted !== is) out[name] = String(wanted);
  };
  number("VisibilityTimeout", queue.visibility, secondsOf(s.visibility));
  number("MessageRetentionPeriod", queue.retention, secondsOf(s.retention));
  number("DelaySeconds", queue.delay, secondsOf(s.delay));
  number("ReceiveMessageWaitTimeSeconds", queue.wait, secondsOf(s.wait));
  number("MaximumMessageSize", queue.maximumSize, whole(s.maximumSize));
  if (!s.moves) {
    if (queue.redrive) out.RedrivePolicy = "";
    return out;
  }
  const target = s.target === undefined ? undefined : queueArn(place.region, place.accountId, queueName(s.target));
  const receives = whole(s.receives);
  if (target !== undefined && (target !== queue.redrive?.target || receives !== queue.redrive.receives)) {
    out.RedrivePolicy = JSON.stringify({ deadLetterTargetArn: target, maxReceiveCount: receives });
  }
  return out;
}
