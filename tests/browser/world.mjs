// A demo that is served, browsers that look at it, and what every page of ours must be.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import assert from "node:assert/strict";

const DEADLINE_MS = 10_000;

/** A small demo on a fresh SQLite database: its address, its keys and links, and a way to call its API. */
export async function demo(program) {
  const folder = await mkdtemp(join(tmpdir(), "ristourne-browser-"));
  const server = spawn(program, ["demo", "--size", "small", "--json", "--listen", "127.0.0.1:0", "--database", `sqlite://${folder}/demo.db`],
    { stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise((resolve) => server.on("exit", (code, signal) => resolve(code ?? signal)).on("error", resolve));
  const lines = createInterface({ input: server.stdout });
  const line = await Promise.race([new Promise((resolve) => lines.once("line", resolve)), ended.then((code) => Promise.reject(new Error(`the demo ended: ${code}`)))]);
  const made = JSON.parse(line);
  const key = made.keys.find((one) => one.role === "operator").key;
  return {
    base: made.address,
    key,
    made,
    async api(method, path, body) {
      const answer = await fetch(`${made.address}/api/v1${path}`, {
        method, body: body && JSON.stringify(body), headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      });
      assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
      return answer.json();
    },
    async stop() {
      server.kill("SIGTERM");
      const code = await ended;
      await rm(folder, { recursive: true });
      return code;
    },
  };
}

/** Runs checks, one fresh context each, prints and counts them. */
export class Checks {
  passed = 0;
  failed = 0;

  note(name, error) {
    if (error) {
      this.failed += 1;
      console.log(`FAILED: ${name}\n    ${String(error.message ?? error).replaceAll("\n", "\n    ")}`);
    } else {
      this.passed += 1;
      console.log(`ok: ${name}`);
    }
  }

  async plain(name, body) {
    await body().then(() => this.note(name), (error) => this.note(name, error));
  }

  /** `look` is the context's: width, colorScheme, locale, javaScriptEnabled. Whatever the page says in the console or asks of others fails. */
  async page(name, { width = 1280, ...look }, body) {
    await this.plain(name, async () => {
      const context = await this.browser.newContext({ viewport: { width, height: 800 }, locale: "en-GB", ...look });
      context.setDefaultTimeout(DEADLINE_MS);
      const page = await context.newPage();
      const wrong = [];
      const asked = [];
      context.on("request", (request) => {
        asked.push(request.url());
        if (!request.url().startsWith(`${this.origin}/`) && !request.url().startsWith("data:")) wrong.push(`asked ${request.url()}`);
      });
      page.on("pageerror", (error) => wrong.push(`threw ${error}`));
      page.on("console", (message) => {
        // The browser tells of each answer from 400 on; the checks look at those themselves.
        if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource: the server responded")) wrong.push(`console: ${message.text()}`);
      });
      try {
        await body(page, asked);
        assert.deepEqual(wrong, []);
      } finally {
        await context.close();
      }
    });
  }
}

/** No line is wider than the window. */
export async function fits(page) {
  const [wide, window, widest] = await page.evaluate(() => {
    const root = document.documentElement;
    const sticks = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > root.clientWidth + 1);
    // What scrolls in a box of its own may be wide.
    const loose = sticks.filter((one) => { for (let up = one.parentElement; up; up = up.parentElement) if (getComputedStyle(up).overflowX === "auto") return false; return true; });
    return [root.scrollWidth, root.clientWidth, loose.map((one) => one.outerHTML.slice(0, 120))];
  });
  assert.ok(wide <= window, `${wide} px in a window of ${window}`);
  assert.deepEqual(widest, [], "stands out of the window");
}

/** Every text that is seen has a contrast of 4.5 to the ground that it stands on; gives how many were measured. */
export async function readable(page) {
  const { measured, poor } = await page.evaluate(() => {
    const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    // Any colour as the browser paints it.
    const parse = (colour) => { ink.clearRect(0, 0, 1, 1); ink.fillStyle = colour; ink.fillRect(0, 0, 1, 1); const [r, g, b, a] = ink.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
    const over = (top, under) => [0, 1, 2].map((n) => top[n] * top[3] + under[n] * (1 - top[3])).concat(1);
    const light = (colour) => colour.slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
    const ground = (one) => {
      const layers = [];
      for (let up = one; up; up = up.parentElement) layers.push(parse(getComputedStyle(up).backgroundColor));
      return layers.reduceRight((under, top) => over(top, under), [255, 255, 255, 1]);
    };
    const seen = new Map();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      const one = text.parentElement;
      if (!text.data.trim() || !one.checkVisibility({ visibilityProperty: true }) || one.closest("noscript, script, style, option")) continue;
      seen.set(one, text.data.trim().slice(0, 40));
    }
    for (const one of document.querySelectorAll("input, select, textarea")) if (one.checkVisibility()) seen.set(one, one.id);
    const poor = new Set();
    for (const [one, text] of seen) {
      const under = ground(one);
      const [a, b] = [light(over(parse(getComputedStyle(one).color), under)), light(under)];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) poor.add(`${ratio.toFixed(2)}: ${one.localName}.${one.className} ${text}`);
    }
    return { measured: seen.size, poor: [...poor] };
  });
  assert.deepEqual(poor, [], "too faint");
  return measured;
}

/** Every control has a name that a screen reader says; gives how many there are. */
export async function named(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const roles = new Set(["button", "link", "textbox", "searchbox", "combobox", "checkbox", "DisclosureTriangle", "region", "navigation"]);
  const controls = nodes.filter((node) => !node.ignored && roles.has(node.role?.value));
  const nameless = controls.filter((node) => !node.name?.value.trim()).map((node) => `${node.role.value} ${node.backendDOMNodeId}`);
  assert.deepEqual(nameless, [], "without a name");
  return controls.length;
}
