// The API's page: everything of the document is there and can be tried, by anybody, on anything.
import assert from "node:assert/strict";
import { fits, named, readable } from "./world.mjs";

const resolve = (spec, value) => {
  while (value?.$ref) value = value.$ref.slice(2).split("/").reduce((at, name) => at[name.replace(/~1/g, "/").replace(/~0/g, "~")], spec);
  return value;
};

/** Opens every operation, answer and object in a body, and waits for what each makes when it opens. Objects in those may hold themselves. */
const openAll = (page) => page.waitForFunction(() => {
  const all = [...document.querySelectorAll(".op, .answers > details, .body > section > .fields > div > dd > .inner")];
  for (const one of all) one.open = true;
  return all.length > document.querySelectorAll(".op").length && all.every((one) => one.childElementCount > 1);
});

export async function docs(checks, network) {
  const spec = await (await fetch(`${network.base}/openapi.json`)).json();
  const operations = Object.entries(spec.paths).flatMap(([path, methods]) => Object.entries(methods)
    .map(([method, operation]) => ({ method: method.toUpperCase(), path, ...operation })));
  const key = network.key;

  const opened = async (page, query = "") => {
    await page.goto(`${network.base}/docs${query}`);
    await page.locator(".op").first().waitFor();
  };
  const open = async (page, id) => {
    await page.locator(`#${id} > summary`).click();
    const row = page.locator(`#${id}`);
    await row.getByRole("button", { name: "Send" }).waitFor();
    return row;
  };
  const answered = async (row) => {
    await row.getByRole("button", { name: "Send" }).click();
    await row.locator(".result > p").waitFor();
    return { status: await row.locator(".result > p").innerText(), body: await row.locator(".result .snippet").innerText() };
  };

  await checks.page("/docs lists every operation of /openapi.json", {}, async (page) => {
    await opened(page);
    const rows = await page.locator(".op > summary").evaluateAll((all) => all.map((one) => [...one.children].slice(0, 2).map((part) => part.textContent).join(" ")));
    const wanted = operations.filter((one) => one.tags?.length).map((one) => `${one.method} ${one.path}`);
    assert.ok(wanted.length > 50 && wanted.length === operations.length, `${wanted.length} with a tag of ${operations.length}`);
    assert.deepEqual(rows.sort(), wanted.sort());
  });

  await checks.page("search and role narrow the list, and the count says so", {}, async (page) => {
    await opened(page);
    const shown = () => page.locator(".op:visible").evaluateAll((all) => all.map((one) => one.id));
    await page.getByLabel("Search").fill("merchants create_merchant");
    assert.deepEqual(await shown(), ["create_merchant"]);
    await page.getByLabel("Search").fill("post REFUND");
    const found = await shown();
    assert.ok(found.length > 1 && found.length < operations.length / 2, `${found.length} found`);
    assert.equal(await page.locator("#count").innerText(), `${found.length} of ${operations.length} operations`);
    const nouns = new Set(found.map((id) => operations.find((one) => one.operationId === id).tags[0]));
    assert.deepEqual(new Set(await page.locator("#nouns a:visible").allInnerTexts()), nouns);
    await page.getByLabel("Search").fill("");
    await page.getByLabel("For a key of").selectOption("buyer");
    const wanted = operations.filter((one) => one["x-roles"]?.includes("buyer")).map((one) => one.operationId);
    assert.deepEqual((await shown()).sort(), wanted.sort());
    await page.getByLabel("Search").fill("nothing has this name");
    assert.equal(await page.locator("#count").innerText(), `0 of ${operations.length} operations`);
  });

  await checks.page("an opened operation shows parameters, fields, answers with codes, roles and a curl line", {}, async (page) => {
    await opened(page);
    await openAll(page);
    const shown = await page.locator(".op").evaluateAll((all) => Object.fromEntries(all.map((one) => {
      const texts = (selector) => [...one.querySelectorAll(selector)].map((part) => part.textContent);
      return [one.id, { names: texts(".body > section > .fields > div > dt code"), answers: texts(".answers > details > summary > b"),
        codes: texts(".answers dl dt code"), roles: texts(".chip"), curl: texts(".call .snippet pre").join(""),
        untyped: [...one.querySelectorAll(".body > section > .fields > div > dt")].filter((dt) => /^(, .*)?$/.test(dt.querySelector(".type").textContent)).map((dt) => dt.textContent) }];
    })));
    const words = { operator: "operator", merchant: "merchant", publisher: "publisher", buyer: "buyer", nobody: "no key" };
    for (const one of operations) {
      const { names, answers, codes, roles, curl, untyped } = shown[one.operationId];
      const body = resolve(spec, Object.values(resolve(spec, one.requestBody)?.content ?? {})[0]?.schema);
      const wanted = [...(one.parameters ?? []).map((parameter) => resolve(spec, parameter).name), ...Object.keys(body?.properties ?? {})];
      for (const name of wanted) assert.ok(names.includes(name), `${one.operationId} shows no ${name}, but ${names}`);
      assert.deepEqual(untyped, [], `without a type in ${one.operationId}`);
      assert.deepEqual(answers.sort(), Object.keys(one.responses).sort(), one.operationId);
      for (const code of Object.values(one.responses).flatMap((answer) => resolve(spec, answer)["x-codes"] ?? [])) assert.ok(codes.includes(code), `${one.operationId} shows no ${code}`);
      assert.deepEqual(roles, (one["x-roles"] ?? ["nobody"]).map((role) => words[role]), one.operationId);
      const command = one.method === "GET" ? "curl '" : `curl -X ${one.method} '`;
      assert.ok(curl.startsWith(`${command}${network.base}${one.path}`), `${one.operationId}: ${curl}`);
    }
  });

  await checks.page("GET /programs with a key shows the programs, with a wrong one the 401", {}, async (page) => {
    await opened(page);
    const row = await open(page, "list_programs");
    await page.getByLabel("API key").fill(key);
    await row.getByLabel("limit").fill("2");
    assert.match(await row.locator(".call pre").first().innerText(), /\/programs\?limit=2'/);
    const { status, body } = await answered(row);
    assert.match(status, /^200 /);
    assert.deepEqual(JSON.parse(body), await network.api("GET", "/programs?limit=2"));
    await page.getByLabel("API key").fill("rst_wrong");
    await row.getByRole("button", { name: "Send" }).click();
    await row.locator(".result > p", { hasText: "401" }).waitFor();
    assert.equal(JSON.parse(await row.locator(".result .snippet").innerText()).status, 401);
  });

  await checks.page("a POST with the example's body creates; the key is stored nowhere", {}, async (page, asked) => {
    await opened(page);
    await page.getByLabel("API key").fill(key);
    const row = await open(page, "create_merchant");
    const wanted = JSON.parse(await row.locator("textarea").inputValue());
    const { status, body } = await answered(row);
    assert.match(status, /^201 /);
    const made = JSON.parse(body);
    assert.equal(made.name, wanted.name);
    assert.deepEqual(await network.api("GET", `/merchants/${made.id}`), made);
    const kept = await page.evaluate(async () => [document.documentElement.outerHTML, location.href, document.cookie, JSON.stringify(history.state), name,
      JSON.stringify({ ...localStorage, ...sessionStorage }), JSON.stringify(await indexedDB.databases()), JSON.stringify(await caches.keys())].join("\n"));
    const cookies = JSON.stringify(await page.context().storageState({ indexedDB: true }));
    assert.ok(![kept, cookies, ...asked].some((text) => text.includes(key)), "the key is kept");
    await page.reload();
    await page.locator(".op").first().waitFor();
    assert.equal(await page.getByLabel("API key").inputValue(), "");
  });

  await checks.page("a keyboard is enough, and shows where it is", {}, async (page) => {
    await opened(page);
    const press = (...keys) => keys.reduce((before, one) => before.then(() => page.keyboard.press(one)), Promise.resolve());
    const here = () => page.evaluate(() => {
      const one = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(one);
      const { width, height, bottom, top } = one.getBoundingClientRect();
      return { id: one.id, text: one.textContent.trim().slice(0, 40), ringed: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2, seen: width > 0 && height > 0 && bottom > 0 && top < innerHeight };
    });
    const tabTo = async (wanted) => {
      for (let steps = 0; steps < 40; steps += 1) {
        await press("Tab");
        const at = await here();
        assert.ok(at.ringed && at.seen, `the focus is not seen on ${JSON.stringify(at)}`);
        if (wanted(at)) return;
      }
      assert.fail(`40 steps did not lead to ${wanted}`);
    };
    await tabTo((at) => at.text === "Skip to content");
    await press("Enter", "/");
    assert.equal((await here()).id, "search");
    await page.keyboard.type("list_programs");
    await tabTo((at) => at.id === "key");
    await page.keyboard.type(key);
    await tabTo((at) => at.text.startsWith("GET/api/v1/programs"));
    await press("Enter");
    await page.locator("#list_programs .call").waitFor();
    await tabTo((at) => at.text === "Send");
    await press("Enter");
    await page.locator("#list_programs .result > p", { hasText: "200" }).waitFor();
  });

  for (const width of [320, 360, 1280]) {
    await checks.page(`/docs fits ${width} px with everything open`, { width }, async (page) => {
      await opened(page);
      await fits(page);
      await openAll(page);
      await fits(page);
    });
  }

  for (const colorScheme of ["light", "dark"]) {
    await checks.page(`every text of /docs can be read in ${colorScheme} colours, every control has a name`, { colorScheme }, async (page) => {
      await opened(page);
      const [red] = (await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).match(/\d+/g).map(Number);
      assert.equal(red > 128, colorScheme === "light", "the ground");
      await page.getByLabel("API key").fill(key);
      await page.locator("#list_programs > summary").click();
      await answered(page.locator("#list_programs"));
      await openAll(page);
      const [texts, controls] = [await readable(page), await named(page)];
      assert.ok(texts > 1000 && controls > 500, `${texts} texts, ${controls} controls`);
    });
  }

  await checks.page("/docs speaks French to who reads French, and says which texts are English", { locale: "fr-FR", width: 360 }, async (page) => {
    await opened(page);
    assert.equal(await page.locator("html").getAttribute("lang"), "fr");
    assert.equal(await page.locator("h1").innerText(), "L’API REST");
    await page.getByLabel("Rechercher").fill("create_link");
    assert.equal(await page.locator("#count").innerText(), `1 opération sur ${operations.length}`);
    await page.locator("#create_link > summary").click();
    const row = page.locator("#create_link");
    await row.getByRole("button", { name: "Envoyer" }).waitFor();
    assert.deepEqual(await row.locator("h3").allInnerTexts(), ["Paramètres", "Corps", "Réponses", "Essayer"]);
    await row.locator(".answers > details", { hasText: "409" }).locator("summary").click();
    await row.getByText(/existe déjà|déjà/).first().waitFor();
    assert.equal(await row.locator("summary > span[lang=en]").first().innerText(), operations.find((one) => one.operationId === "create_link").summary);
    // The other language is one step away, and comes back.
    await page.getByRole("link", { name: "English" }).click();
    await page.getByRole("heading", { level: 1, name: "The REST API" }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
    assert.deepEqual(await page.locator("[lang=fr]:visible").allInnerTexts(), ["Français"]);
  });

  await checks.page("an operation has an address of its own", {}, async (page) => {
    await opened(page, "#get_receipt");
    await page.locator("#get_receipt .call").waitFor();
    assert.ok(await page.locator("#get_receipt").evaluate((one) => one.getBoundingClientRect().top >= 0 && one.getBoundingClientRect().top < innerHeight));
  });

  await checks.page("without JavaScript /docs says where the JSON is", { javaScriptEnabled: false, width: 320 }, async (page) => {
    await page.goto(`${network.base}/docs`);
    assert.equal(await page.locator("noscript a[href='/openapi.json']:visible").count(), 2);
    assert.equal(await page.locator("form:visible").count(), 0);
  });
}
