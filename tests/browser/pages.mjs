// What a visitor gets where a link leads nowhere.
import assert from "node:assert/strict";
import { fits, readable } from "./world.mjs";

export async function pages(checks, network) {
  const { slug, program } = network.made.links[0];
  const ended = network.made.links.find((one) => one.program !== program);
  await network.api("DELETE", `/programs/${ended.program}`);

  const problems = [
    { path: "/c/nothing-is-here", status: 404, en: "This link does not exist.", fr: "Ce lien n’existe pas." },
    { path: `/c/${ended.slug}`, status: 410, en: "This offer has ended.", fr: "Cette offre est terminée." },
    { path: `/c/${slug}`, method: "POST", status: 405, en: "This address does not take that method.", fr: "Cette adresse n’accepte pas cette méthode." },
    { path: "/nothing", status: 404, en: "There is nothing here.", fr: "Il n’y a rien ici." },
    { path: "/docs", method: "POST", status: 405, en: "This address does not take that method.", fr: "Cette adresse n’accepte pas cette méthode." },
  ];
  const looks = [
    { width: 320, locale: "en-GB", colorScheme: "light" },
    { width: 360, locale: "fr-FR", colorScheme: "dark" },
    { width: 1280, locale: "en-GB", colorScheme: "dark" },
    { width: 1280, locale: "fr-FR", colorScheme: "light" },
  ];
  for (const { path, method = "GET", status, ...texts } of problems) {
    for (const look of looks) {
      const language = look.locale.slice(0, 2);
      await checks.page(`${method} ${path.startsWith("/c/") ? "of a link" : path}: ${status} as a page, ${look.width} px, ${language}, ${look.colorScheme}`, look, async (page) => {
        await page.route("**", (route) => route.continue({ method }));
        const answer = await page.goto(network.base + path);
        assert.equal(answer.status(), status);
        assert.equal(await page.locator("h1").innerText(), texts[language]);
        assert.equal(await page.title(), texts[language]);
        assert.equal(await page.locator("html").getAttribute("lang"), language);
        const [ground, sizes] = await page.evaluate(() => [getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)[0],
          ["h1", "p", "code"].map((one) => parseFloat(getComputedStyle(document.querySelector(one)).fontSize))]);
        assert.ok(sizes[0] >= 20 && sizes[1] >= 16 && sizes[2] >= 13, `font sizes ${sizes}`);
        assert.equal(ground > 128, look.colorScheme === "light", "the ground");
        assert.ok(await readable(page) >= 3);
        await fits(page);
      });
    }
  }
}
