// The API's page: reads /openapi.json, shows it, and sends what is tried. No library; nothing of it is stored.
"use strict";

const WORDS = {
  en: {},
  fr: {
    skip: "Aller au contenu", title: "L’API REST", json: "dit la même chose aux programmes (OpenAPI 3.1). Ses textes, que cette page montre, sont en anglais.", search: "Rechercher",
    role: "Pour une clé de", key: "Clé d’API, pour essayer",
    keyHint: "La clé reste dans la mémoire de cette page : elle n’est enregistrée nulle part et disparaît quand vous partez. Les appels sont réels.",
    any: "tous les rôles", operator: "opérateur", merchant: "marchand", publisher: "éditeur", buyer: "acheteur", nobody: "sans clé",
    needs: "Qui peut l’appeler :", parameters: "Paramètres", body: "Corps", answers: "Réponses", example: "Exemple", curl: "En ligne de commande",
    copy: "Copier", copied: "Copié", tryIt: "Essayer", send: "Envoyer", required: "obligatoire", more: "Détails", codes: "Codes",
    headers: "En-têtes :", failed: "Le serveur n’a pas répondu :", secret: "Secret de signature (whsec_…)", type: "Type de contenu", accept: "Réponse voulue",
    shown: (n, all) => `${n} ${n < 2 ? "opération" : "opérations"} sur ${all}`, took: (ms) => `${ms} ms`, nouns: "Ressources", link: "Lien vers cette opération",
    broken: "Le document /openapi.json n’a pas pu être lu.", insecure: "Ce navigateur ne signe que sur HTTPS ou localhost.",
  },
};
const ENGLISH = {
  any: "any role", operator: "operator", merchant: "merchant", publisher: "publisher", buyer: "buyer", nobody: "no key",
  needs: "Who may call it:", parameters: "Parameters", body: "Body", answers: "Answers", example: "Example", curl: "On the command line",
  copy: "Copy", copied: "Copied", tryIt: "Try it", send: "Send", required: "required", more: "Details", codes: "Codes", headers: "Headers:",
  failed: "The server did not answer:", secret: "Signing secret (whsec_…)", type: "Content type", accept: "Answer wanted",
  shown: (n, all) => `${n} of ${all} operations`, took: (ms) => `${ms} ms`, nouns: "Nouns", link: "Link to this operation",
  broken: "The document /openapi.json could not be read.", insecure: "This browser signs on HTTPS or localhost only.",
};
const asked = new URLSearchParams(location.search).get("lang");
const language = ["en", "fr"].includes(asked) ? asked : navigator.language.toLowerCase().startsWith("fr") ? "fr" : "en";
const word = (name, ...with_) => {
  const found = WORDS[language][name] ?? ENGLISH[name] ?? name;
  return typeof found === "function" ? found(...with_) : found;
};

/** An element; `class`, `for`, … as attributes, functions as listeners, texts and elements as children. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** A text with `code` in it. */
const said = (text) => (text ?? "").split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part));
/** The document speaks English; on a French page a screen reader must know. */
const english = language === "en" ? {} : { lang: "en" };
const paragraphs = (text) => (text ?? "").split("\n\n").filter(Boolean).map((part) => h("p", english, said(part)));

let spec;
const key = document.getElementById("key");
const resolve = (schema) => {
  while (schema?.$ref) {
    const { $ref, ...beside } = schema;
    schema = { ...$ref.slice(2).split("/").reduce((at, name) => at[name.replace(/~1/g, "/").replace(/~0/g, "~")], spec), ...beside };
  }
  return schema ?? {};
};
const alternatives = (schema) => {
  schema = resolve(schema);
  const several = schema.anyOf ?? schema.oneOf;
  return several ? several.flatMap(alternatives).filter((one) => one.type !== "null" && !(one.enum && one.enum.every((v) => v === "" || v === null))) : [schema];
};

/** The type of a value in a few words. */
function typeOf(schema) {
  return alternatives(schema).map((one) => {
    const kinds = [one.type ?? (one.properties ? "object" : "")].flat().filter((kind) => kind && kind !== "null");
    if (one.const !== undefined) return JSON.stringify(one.const);
    if (one.type === "array") return `[${typeOf(one.items ?? {})}]`;
    const limits = [];
    if (one.minimum !== undefined || one.maximum !== undefined) limits.push(`${one.minimum ?? "…"}–${one.maximum ?? "…"}`);
    if (one.maxLength) limits.push(`≤ ${one.maxLength}`);
    if (one.default !== undefined) limits.push(`= ${JSON.stringify(one.default)}`);
    const id = /^\^([a-z]{3}_)/.exec(one.pattern ?? "");
    return [id ? `${id[1]}…` : one.format ?? kinds.join("|"), ...limits].join(" ");
  }).filter((text, n, all) => text && all.indexOf(text) === n).join(" | ");
}

/** The objects in a schema whose fields are worth a look: its own, or those of its elements. */
function objects(schema) {
  return alternatives(schema).flatMap((one) => {
    if (one.type === "array") return objects(one.items ?? {});
    if (one.oneOf || one.anyOf) return objects(one);
    return one.properties || typeof one.additionalProperties === "object" ? [one] : [];
  });
}

const enumOf = (schema) => alternatives(schema).flatMap((one) => (one.type === "array" ? enumOf(one.items ?? {}) : one.enum ?? [])).filter((v) => v !== null);

/** The fields of an object, those of objects inside folded; made when opened, since schemas may hold themselves. */
function fields(schema) {
  const needed = (one, name) => ((one.required ?? []).includes(name) ? 0 : 1);
  return objects(schema).map((one) => h("dl", { class: "fields" }, Object.entries(one.properties ?? {}).sort(([a], [b]) => needed(one, a) - needed(one, b)).map(([name, field]) => fieldRow(name, field, (one.required ?? []).includes(name)))));
}

function fieldRow(name, schema, required, about) {
  const words = enumOf(schema);
  const inner = objects(schema).length
    ? h("details", { class: "inner", toggle: (event) => { if (event.target.open && event.target.childElementCount === 1) event.target.append(...fields(schema)); } }, h("summary", {}, word("more")))
    : null;
  const description = about ?? schema.description ?? resolve(schema).description;
  return h("div", {},
    h("dt", {}, h("code", {}, name), h("span", { class: "type small" }, typeOf(schema), required ? `, ${word("required")}` : "")),
    h("dd", {}, h("span", english, said(description)), words.length && words.length <= 40 ? h("span", { class: "quiet" }, description ? " — " : "", words.flatMap((one, n) => [n ? ", " : "", h("code", {}, String(one))])) : "", inner));
}

const snippet = (text, label, wrap) => h("div", { class: wrap ? "snippet wrap" : "snippet", tabindex: "0", role: "region", "aria-label": label }, h("pre", {}, h("code", {}, text)));
const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

function copyButton(text) {
  const button = h("button", { class: "btn btn--2", type: "button", click: async () => {
    await navigator.clipboard.writeText(text());
    button.textContent = word("copied");
    setTimeout(() => { button.textContent = word("copy"); }, 2000);
  } }, word("copy"));
  // Without HTTPS a browser has no clipboard to offer.
  return navigator.clipboard ? button : null;
}

function answers(operation) {
  return Object.entries(operation.responses).map(([status, answer]) => {
    answer = resolve(answer);
    const codes = (answer["x-codes"] ?? []).map((code) => [code, spec["x-codes"][code]]);
    const content = Object.entries(answer.content ?? {});
    const inside = () => h("div", {},
      codes.length ? h("dl", { class: "fields" }, codes.map(([code, texts]) => h("div", {}, h("dt", {}, h("code", {}, code)), h("dd", {}, said(texts[language] ?? texts.en))))) : null,
      content.filter(([type]) => !codes.length || type !== "text/html").map(([type, { schema, example }]) => [
        h("p", { class: "small quiet" }, h("code", {}, type)),
        codes.length ? null : fields(schema ?? {}),
        example !== undefined && !codes.length ? snippet(pretty(example), word("example")) : null,
      ]).flat(2),
      answer.headers ? h("p", { class: "small quiet" }, `${word("headers")} `, Object.keys(answer.headers).flatMap((name, n) => [n ? ", " : "", h("code", {}, name)])) : null);
    return h("details", { toggle: (event) => { if (event.target.open && event.target.childElementCount === 1) event.target.append(inside()); } },
      h("summary", {}, h("b", {}, status), h("span", english, said(answer.description))));
  });
}

const encoder = new TextEncoder();

/** A message's signature as Standard Webhooks wants it. */
async function sign(secret, id, seconds, text) {
  const bytes = Uint8Array.from(atob(secret.trim().replace(/^whsec_/, "")), (c) => c.charCodeAt(0));
  const signer = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const mac = await crypto.subtle.sign("HMAC", signer, encoder.encode(`${id}.${seconds}.${text}`));
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(mac)))}`;
}

/** The form to try an operation, with the command line that does the same. */
function call(method, path, operation) {
  const places = (operation.parameters ?? []).map(resolve).filter((one) => one.in !== "cookie");
  const signed = places.some((one) => one.name === "webhook-signature");
  const inputs = places.filter((one) => !one.name.startsWith("webhook-") && one.in !== "header" || one.name === "Idempotency-Key").map((place) => {
    const id = `${operation.operationId}-${place.name}`;
    const words = enumOf(place.schema ?? {});
    const input = words.length && words.length <= 40 && place.schema.type !== "array"
      ? h("select", { id }, place.required ? null : h("option", {}), words.filter((one) => one !== "").map((one) => h("option", {}, one)))
      : h("input", { id, type: "text", autocomplete: "off", spellcheck: "false", required: place.required });
    return { place, input, row: h("div", { class: "field" }, h("label", { for: id }, place.name, place.required ? ` (${word("required")})` : ""), input) };
  });
  const bodies = Object.entries(resolve(operation.requestBody).content ?? {});
  const choice = (id, label, options) => (options.length > 1 ? h("select", { id: `${operation.operationId}-${id}`, "aria-label": label }, options.map((one) => h("option", {}, one))) : { value: options[0] });
  const type = choice("type", word("type"), bodies.map(([name]) => name));
  const accept = choice("accept", word("accept"), Object.entries(operation.responses).filter(([status]) => status < "300").flatMap(([, one]) => Object.keys(resolve(one).content ?? {})));
  const example = () => { const found = bodies.find(([name]) => name === type.value)?.[1].example; return found === undefined ? "" : pretty(found); };
  const body = bodies.length ? h("textarea", { id: `${operation.operationId}-body`, spellcheck: "false" }) : null;
  if (body) body.value = example();
  const secret = signed ? h("input", { id: `${operation.operationId}-secret`, type: "password", autocomplete: "off" }) : null;

  const request = () => {
    let url = path;
    const query = new URLSearchParams();
    const headers = {};
    for (const { place, input } of inputs) {
      const value = input.value;
      if (place.in === "path") url = url.replace(`{${place.name}}`, value === "" ? `{${place.name}}` : encodeURIComponent(value));
      else if (value !== "" && place.in === "query") query.append(place.name, value);
      else if (value !== "" && place.in === "header") headers[place.name] = value;
    }
    if (accept.value) headers.Accept = accept.value;
    if (operation.security?.length) headers.Authorization = `Bearer ${key.value}`;
    if (body && body.value !== "") headers["Content-Type"] = type.value;
    return { url: query.size ? `${url}?${query}` : url, headers, body: body && body.value !== "" ? body.value : undefined };
  };
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const line = () => {
    const { url, headers, body } = request();
    if (headers.Authorization) headers.Authorization = "Bearer $RISTOURNE_KEY";
    if (signed) Object.assign(headers, { "webhook-id": "msg_1", "webhook-timestamp": "$NOW", "webhook-signature": "v1,$SIGNATURE" });
    const parts = [`curl ${method === "GET" ? "" : `-X ${method} `}${quoted(location.origin + url)}`];
    for (const [name, value] of Object.entries(headers)) if (name !== "Accept" || accept.localName) parts.push(`-H ${value.includes("$") ? `"${name}: ${value}"` : quoted(`${name}: ${value}`)}`);
    if (body !== undefined) parts.push(`-d ${quoted(body)}`);
    return parts.join(" \\\n  ");
  };
  const shown = h("code");
  const show = () => { shown.textContent = line(); };
  const result = h("div", { class: "result", "aria-live": "polite" });
  const send = async (event) => {
    event.preventDefault();
    const { url, headers, body } = request();
    try {
      if (secret?.value) {
        if (!crypto.subtle) throw new Error(word("insecure"));
        const [id, seconds] = [`docs_${crypto.randomUUID()}`, Math.floor(Date.now() / 1000)];
        Object.assign(headers, { "webhook-id": id, "webhook-timestamp": String(seconds), "webhook-signature": await sign(secret.value, id, seconds, body ?? "") });
      }
      const started = performance.now();
      const answer = await fetch(url, { method, headers, body, redirect: "manual", cache: "no-store", credentials: "omit" });
      const text = await answer.text();
      const took = Math.round(performance.now() - started);
      const told = ["Location", "Retry-After", "Idempotency-Replayed", "Ristourne-Verdict", "x-request-id"].filter((name) => answer.headers.has(name)).map((name) => `${name}: ${answer.headers.get(name)}`);
      let readable = text;
      try { readable = pretty(JSON.parse(text)); } catch { /* not JSON: as it came */ }
      const status = answer.type === "opaqueredirect" ? "3xx" : `${answer.status} ${answer.statusText}`;
      result.replaceChildren(h("p", { class: answer.ok || answer.type === "opaqueredirect" ? "good" : "" }, `${status} · ${word("took", took)}`),
        told.length ? h("div", { class: "small quiet" }, told.map((one) => h("div", {}, h("code", {}, one)))) : "", readable ? snippet(readable.slice(0, 200000), word("answers")) : "");
    } catch (error) {
      result.replaceChildren(h("p", {}, `${word("failed")} ${error.message}`));
    }
  };
  show();
  return h("form", { class: "call", submit: send, input: show, change: (event) => { if (event.target === type) body.value = example(); show(); } },
    inputs.length ? h("div", { class: "pair" }, inputs.map((one) => one.row)) : null,
    type.localName ? h("div", { class: "field" }, h("label", { for: type.id }, word("type")), type) : null,
    body ? h("div", { class: "field" }, h("label", { for: body.id }, word("body")), body) : null,
    secret ? h("div", { class: "field" }, h("label", { for: secret.id }, word("secret")), secret) : null,
    accept.localName ? h("div", { class: "field" }, h("label", { for: accept.id }, word("accept")), accept) : null,
    h("div", { class: "snippet wrap", tabindex: "0", role: "region", "aria-label": word("curl") }, h("pre", {}, shown)),
    h("p", { class: "actions" }, h("button", { class: "btn", type: "submit" }, word("send")), copyButton(line)),
    result);
}

function section(title, ...children) {
  return h("section", {}, h("h3", {}, title), ...children);
}

function operationBody(method, path, operation) {
  const roles = operation["x-roles"] ?? ["nobody"];
  const parameters = (operation.parameters ?? []).map(resolve);
  const body = resolve(operation.requestBody);
  const schema = Object.values(body.content ?? {})[0]?.schema;
  return h("div", { class: "body" },
    operation.description ? h("div", { class: "lead" }, paragraphs(operation.description)) : null,
    h("p", { class: "chips" }, h("span", { class: "small quiet" }, word("needs")), roles.map((role) => h("span", { class: "chip" }, word(role))), h("a", { class: "small", href: `#${operation.operationId}` }, word("link"))),
    parameters.length ? section(word("parameters"), h("dl", { class: "fields" }, parameters.map((one) => fieldRow(one.name, one.schema ?? {}, one.required, one.description)))) : null,
    schema ? section(word("body"), body.description ? h("p", { class: "small", ...english }, said(body.description)) : null, fields(schema)) : null,
    section(word("answers"), h("div", { class: "answers" }, answers(operation))),
    section(word("tryIt"), call(method, path, operation)));
}

function operationRow(method, path, operation) {
  return h("details", { class: "card op", id: operation.operationId, toggle: (event) => {
    if (event.target === event.currentTarget && event.target.open && event.target.childElementCount === 1) event.target.append(operationBody(method, path, operation));
  } }, h("summary", {}, h("span", { class: method === "GET" ? "method" : "method method--write" }, method), h("code", {}, path), h("span", english, operation.summary)));
}

function show() {
  document.getElementById("intro").append(...paragraphs(spec.info.description));
  const rows = [];
  for (const { name, description } of spec.tags) {
    const group = h("section", { class: "noun", id: `noun-${name}` }, h("h2", english, name), description ? h("p", { class: "small quiet", ...english }, said(description)) : null);
    for (const [path, methods] of Object.entries(spec.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation.tags?.[0] !== name) continue;
        const row = operationRow(method.toUpperCase(), path, operation);
        const fieldNames = Object.keys(resolve(Object.values(resolve(operation.requestBody).content ?? {})[0]?.schema).properties ?? {});
        const text = [method, path, name, operation.operationId, operation.summary, operation.description, ...fieldNames, ...(operation.parameters ?? []).map((one) => resolve(one).name)].join(" ").toLowerCase();
        rows.push({ row, group, text, roles: operation["x-roles"] ?? [] });
        group.append(row);
      }
    }
    document.getElementById("operations").append(group);
    document.getElementById("nouns").append(h("a", { href: `#noun-${name}`, ...english }, name));
  }
  const [search, role] = [document.getElementById("search"), document.getElementById("role")];
  role.append(...["any", "operator", "merchant", "publisher", "buyer"].map((one) => h("option", { value: one }, word(one))));
  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const one of rows) {
      const open = role.value === "any" || one.roles.includes(role.value);
      one.row.hidden = !open || !wanted.every((text) => one.text.includes(text));
    }
    for (const { group } of rows) {
      group.hidden = rows.every((one) => one.group !== group || one.row.hidden);
      document.querySelector(`#nouns a[href="#${group.id}"]`).hidden = group.hidden;
    }
    document.getElementById("count").textContent = word("shown", rows.filter((one) => !one.row.hidden).length, rows.length);
  };
  const tools = document.getElementById("tools");
  tools.hidden = false;
  tools.addEventListener("input", filter);
  tools.addEventListener("submit", (event) => event.preventDefault());
  key.addEventListener("input", () => document.querySelectorAll(".call").forEach((form) => form.dispatchEvent(new Event("input"))));
  filter();
  const goto = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.localName === "details") target.open = true;
    if (location.hash) target?.scrollIntoView();
  };
  addEventListener("hashchange", goto);
  goto();
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(input|textarea|select)$/i.test(event.target.localName)) { event.preventDefault(); search.focus(); }
  });
  addEventListener("beforeprint", () => document.querySelectorAll(".op, .answers > details").forEach((one) => { one.open = true; }));
}

document.documentElement.lang = language;
for (const element of document.querySelectorAll("[data-word]")) element.textContent = WORDS[language][element.dataset.word] ?? element.textContent;
document.getElementById("nouns").setAttribute("aria-label", word("nouns"));
const other = document.getElementById("language");
other.hidden = false;
if (language === "fr") Object.entries({ href: "/docs?lang=en", hreflang: "en", lang: "en" }).forEach(([name, value]) => other.setAttribute(name, value));
other.textContent = language === "fr" ? "English" : "Français";

fetch("/openapi.json").then((answer) => answer.json()).then((read) => { spec = read; show(); })
  .catch((error) => {
    console.error(error);
    document.getElementById("intro").append(h("p", { class: "notice" }, word("broken")));
  });
