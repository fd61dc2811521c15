import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** An access key. */
export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
}

/** A running server on a fresh data directory. */
export class Kindred {
  readonly url: string;
  /** The one-time link that the first start printed. */
  readonly link: string;
  /** The administrator's access key. */
  readonly key: AccessKey;
  readonly #binary: string;
  readonly #process: ChildProcess;
  readonly #dir: string;
  readonly #log: string[];

  private constructor(binary: string, process: ChildProcess, dir: string, lines: { url: string; link: string }, log: string[]) {
    this.#binary = binary;
    this.#process = process;
    this.#dir = dir;
    this.#log = log;
    this.url = lines.url;
    this.link = lines.link;
    const file = readFileSync(join(dir, "credentials"), "utf8");
    const value = (name: string): string => new RegExp(`^${name}\\s*=\\s*(\\S+)`, "m").exec(file)?.[1] ?? "";
    this.key = { accessKeyId: value("aws_access_key_id"), secretAccessKey: value("aws_secret_access_key") };
  }

  /** Starts a server on a free port, with these flags, and waits until it serves. */
  static async start(binary: string, ...flags: readonly string[]): Promise<Kindred> {
    const dir = mkdtempSync(join(tmpdir(), "kindred-console-"));
    const child = spawn(binary, ["serve", "--listen", "127.0.0.1:0", "--data-dir", dir, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    const log: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => log.push(line));
    const lines = await new Promise<{ url: string; link: string }>((resolve, reject) => {
      let url = "";
      createInterface({ input: child.stdout }).on("line", (line) => {
        url = /^kindred ready (\S+)/.exec(line)?.[1] ?? url;
        const link = /(\S+\/console\/sign-in#token=\S+)/.exec(line)?.[1];
        if (link) resolve({ url, link });
      });
      child.once("exit", (code) => reject(new Error(`kindred ended with ${code}\n${log.join("\n")}`)));
    });
    return new Kindred(binary, child, dir, lines, log);
  }

  /** Runs a command of the binary as the administrator, and returns what it prints. */
  command(args: readonly string[], input = ""): Promise<string> {
    const env = { ...process.env, AWS_ENDPOINT_URL: this.url, AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: this.key.accessKeyId, AWS_SECRET_ACCESS_KEY: this.key.secretAccessKey };
    return new Promise((resolve, reject) => {
      const child = execFile(this.#binary, args, { env }, (error, stdout, stderr) => {
        if (error) reject(new Error(`kindred ${args.join(" ")}: ${stderr}`));
        else resolve(stdout);
      });
      // A command that reads nothing may have ended by now.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(input);
    });
  }

  /** A link that signs in a user once; without a name the administrator. */
  async newLink(user?: string): Promise<string> {
    const out = await this.command(["iam", "sign-in-link", ...(user ? ["--user", user] : [])]);
    const link = /https?:\S+#token=\S+/.exec(out)?.[0];
    if (!link) throw new Error(`no link in ${out}`);
    return link;
  }

  /** Makes a user with a password and a policy of these statements. */
  async newUser(name: string, password: string, ...statements: readonly object[]): Promise<void> {
    await this.command(["iam", "user", "create", name]);
    await this.command(["iam", "password", "set", name], password);
    if (statements.length > 0) {
      await this.command(["iam", "policy", "put", "--user", name, "own", "-"], JSON.stringify({ Version: "2012-10-17", Statement: statements }));
    }
  }

  /** What the server has logged. */
  get log(): readonly string[] {
    return this.#log;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGTERM");
    await ended;
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
