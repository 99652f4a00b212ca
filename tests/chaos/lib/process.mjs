// A child process whose output goes to a file, and which does not outlive us.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

const KILLED_WITH_US = new Set();
process.once('exit', () => {
  for (const child of KILLED_WITH_US) child.kill('SIGKILL');
});
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
  // Without a handler the process would end without `exit`, and leave servers behind.
  process.once(signal, () => process.exit(code));
}

export class Process {
  #command;
  #args;
  #env;
  #cwd;
  #child = null;
  #exited = null;

  /** `log`: the file that both outputs are appended to, over all starts. */
  constructor({ name, command, args = [], env = process.env, cwd, log }) {
    this.name = name;
    this.log = log;
    this.#command = command;
    this.#args = args;
    this.#env = env;
    this.#cwd = cwd;
    this.ending = null;
  }

  get running() {
    return this.#child !== null;
  }

  get pid() {
    return this.#child?.pid;
  }

  spawn() {
    if (this.#child) throw new Error(`${this.name} runs already`);
    const log = openSync(this.log, 'a');
    const child = spawn(this.#command, this.#args, { env: this.#env, cwd: this.#cwd, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    this.ending = null;
    KILLED_WITH_US.add(child);
    this.#exited = new Promise((resolve) => {
      const over = (ending) => {
        KILLED_WITH_US.delete(child);
        this.#child = null;
        this.ending = ending;
        resolve(ending);
      };
      child.once('error', (error) => over({ error: error.message }));
      child.once('exit', (code, signal) => over({ code, signal }));
    });
  }

  signal(name) {
    if (!this.#child) throw new Error(`${this.name} does not run, so there is nothing to send ${name} to`);
    this.#child.kill(name);
  }

  /** Resolves with `{ code, signal }` when the process has ended, at once if it has already. */
  exited() {
    return this.#exited ?? Promise.resolve(this.ending);
  }

  async kill() {
    if (!this.#child) return;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  tail(lines = 40) {
    return readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }
}
