// Starts a demo and a browser and checks what people see. Arguments: the server's program, and where playwright-core is installed.
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { demo, Checks } from "./world.mjs";
import { docs } from "./docs.mjs";
import { pages } from "./pages.mjs";

const [program, tools] = process.argv.slice(2);
const { chromium } = createRequire(resolve(tools, "package.json"))("playwright-core");
const checks = new Checks();
const network = await demo(resolve(program));
let browser;
try {
  // Every context has an empty profile of its own; nothing but the pages under test may talk to the network.
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  checks.browser = browser;
  checks.origin = network.base;
  await docs(checks, network);
  await pages(checks, network);
} catch (error) {
  checks.note("the stage ran to its end", error);
} finally {
  await browser?.close();
  await checks.plain("the server ends in order", async () => {
    const code = await network.stop();
    if (code !== 0) throw new Error(`it ended with ${code}`);
  });
}
console.log(`${checks.passed} passed, ${checks.failed} failed`);
process.exitCode = checks.failed ? 1 : 0;
