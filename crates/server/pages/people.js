// The pages' one script. The session's token is kept for this tab alone and goes out in a header: no cookie
// carries it, so nothing that another page does carries it along. The one cookie there is says which browser left for the
// organisation's sign-in, and goes with the questions about that alone. What the site says is written as text.
"use strict";

const byId = (id) => document.getElementById(id);
const tell = (text) => { byId("told").textContent = text; };

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

class Refused extends Error {
  constructor(problem) {
    super(problem.message + (problem.hint ? ": " + problem.hint : ""));
    this.code = problem.code;
  }
}

async function ask(method, path, body, credentials = "omit") {
  const headers = {};
  const token = sessionStorage.getItem("session");
  if (token) headers["authorization"] = "Bearer " + token;
  if (body !== undefined) headers["content-type"] = "application/json";
  const init = { method, headers, cache: "no-store", credentials, redirect: "error" };
  if (body !== undefined) init.body = JSON.stringify(body);
  const answer = await fetch(path, init);
  const said = await answer.text();
  const value = said ? JSON.parse(said) : null;
  if (answer.ok) return value;
  if (value && value.code === "ACCESS-003") sessionStorage.removeItem("session");
  throw new Refused(value || { message: "the site gave no answer", code: "" });
}

function forGet(options) {
  const key = options.publicKey;
  key.challenge = bytes(key.challenge);
  for (const one of key.allowCredentials || []) one.id = bytes(one.id);
  return options;
}

function forCreate(options) {
  const key = options.publicKey;
  key.challenge = bytes(key.challenge);
  key.user.id = bytes(key.user.id);
  for (const one of key.excludeCredentials || []) one.id = bytes(one.id);
  return options;
}

function told(credential) {
  const response = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    const value = credential.response[name];
    if (value) response[name] = text(value);
  }
  return {
    id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

async function signIn() {
  const asked = await ask("POST", "/v1/passkeys/challenge");
  const credential = told(await navigator.credentials.get(forGet(asked.options)));
  const session = await ask("POST", "/v1/passkeys/sessions", { ceremony: asked.ceremony, credential });
  sessionStorage.setItem("session", session.token);
  return session.account.name;
}

async function signInByPassword() {
  const [name, password, code] = ["name", "password", "code"].map((id) => byId(id).value);
  const session = await ask("POST", "/v1/passwords/sessions", { name, password, code });
  sessionStorage.setItem("session", session.token);
  byId("password").value = "";
  return session.account.name;
}

// Leaves for the organisation's sign-in, for this: what becomes of it is done by the page that it comes back to.
async function leave(path, what) {
  const { address } = await ask("POST", path, undefined, "same-origin");
  sessionStorage.setItem("away", what);
  location.assign(address);
}

// Comes back from there. The address is made plain at once: what it brings is good once, and is nobody's to see.
async function arrive(said) {
  const what = sessionStorage.getItem("away");
  sessionStorage.removeItem("away");
  if (said.has("error")) return "Your organisation did not sign you in. Begin again on the page that you came from.";
  const brought = { state: said.get("state"), code: said.get("code") || "" };
  if (said.has("iss")) brought.issuer = said.get("iss");
  if (!what || what === "sign-in") {
    const session = await ask("POST", "/v1/oidc/sessions", brought, "same-origin");
    sessionStorage.setItem("session", session.token);
    return "You are signed in as " + session.account.name + ".";
  }
  await ask("POST", "/v1/me/oidc", brought, "same-origin");
  if (what === "link-once") await signOut();
  return "Linked. From now on you can sign in through your organisation.";
}

async function confirm() {
  const asked = await ask("POST", "/v1/me/confirmation/challenge");
  const credential = told(await navigator.credentials.get(forGet(asked.options)));
  await ask("POST", "/v1/me/confirmation", { ceremony: asked.ceremony, credential });
}

// Does what asks for a fresh confirmation: confirms and does it again when it is refused for want of one.
async function confirmed(act) {
  try {
    return await act();
  } catch (refused) {
    if (refused.code !== "ACCESS-035") throw refused;
    await confirm();
    return act();
  }
}

// Whether the tab's session was begun here by a one-time token.
let weak = false;

async function begin() {
  if (sessionStorage.getItem("session")) return;
  const session = await ask("POST", "/v1/sessions", { token: byId("token").value });
  sessionStorage.setItem("session", session.token);
  byId("token").value = "";
  weak = true;
}

async function enrol() {
  await begin();
  const asked = await confirmed(() => ask("POST", "/v1/me/passkeys/challenge"));
  const credential = told(await navigator.credentials.create(forCreate(asked.options)));
  const label = byId("label").value;
  await ask("POST", "/v1/me/passkeys", { ceremony: asked.ceremony, label, credential });
  // What the one-time token began has served: from here on the passkey is what counts.
  if (!weak) return whoAmI();
  await signOut();
  weak = false;
  return signIn();
}

async function whoAmI() {
  return (await ask("GET", "/v1/me")).account.name;
}

async function signOut() {
  await ask("DELETE", "/v1/sessions");
  sessionStorage.removeItem("session");
}

async function needSession() {
  if (!sessionStorage.getItem("session")) await signIn();
}

function row(table, cells, word, act) {
  const line = byId(table).insertRow();
  for (const cell of cells) line.insertCell().textContent = cell;
  const last = line.insertCell();
  if (word) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = word;
    button.addEventListener("click", () => run(async () => { await act(); await showSessions(); }));
    last.append(button);
  } else {
    last.textContent = "this one";
  }
}

async function showSessions() {
  const [sessions, passkeys] = [await ask("GET", "/v1/me/sessions"), await ask("GET", "/v1/me/passkeys")];
  byId("sessions").replaceChildren();
  byId("passkeys").replaceChildren();
  for (const one of sessions) {
    const cells = [one.proof, one.source, one.created_at, one.used_at, one.ends_at];
    row("sessions", cells, one.current ? "" : "End", () => ask("DELETE", "/v1/me/sessions/" + one.id));
  }
  for (const one of passkeys) {
    const state = one.suspended ? one.label + " (out of use)" : one.label;
    const remove = () => confirmed(() => ask("DELETE", "/v1/me/passkeys/" + one.id));
    row("passkeys", [state, one.created_at, one.used_at], "Remove", remove);
  }
}

async function run(act) {
  tell("");
  try {
    const said = await act();
    if (said) tell(said);
  } catch (failed) {
    tell(failed.name === "NotAllowedError" ? "Nothing was done: the passkey was not used." : failed.message);
  }
}

const on = (id, act) => byId(id).addEventListener("click", () => run(act));

const pages = {
  "enrol": () => {
    // A tab that holds somebody's session enrols for them: it says for whom, and lets others sign them out first.
    const show = async () => {
      const out = document.querySelector("[data-when=out]");
      const within = document.querySelector("[data-when=in]");
      if (sessionStorage.getItem("session")) byId("who").textContent = await whoAmI();
      out.hidden = Boolean(sessionStorage.getItem("session"));
      within.hidden = !out.hidden;
    };
    run(async () => { try { await show(); } catch (refused) { if (sessionStorage.getItem("session")) throw refused; } });
    on("leave", async () => { await signOut(); await show(); });
    on("enrol", async () => "Enrolled. You are signed in as " + (await enrol()) + ".");
  },
  "sign-in": () => {
    on("sign-in", async () => "You are signed in as " + (await signIn()) + ".");
    if (byId("by-provider")) on("by-provider", () => leave("/v1/oidc/challenge", "sign-in"));
    on("by-password", async () => "You are signed in as " + (await signInByPassword()) + ".");
  },
  "oidc": () => {
    const said = new URLSearchParams(location.search);
    if (said.has("state")) {
      history.replaceState(null, "", "/oidc");
      byId("linking").hidden = true;
      run(() => arrive(said));
      return;
    }
    const show = async () => {
      const within = Boolean(sessionStorage.getItem("session"));
      if (within) byId("who").textContent = await whoAmI();
      document.querySelector("[data-when=out]").hidden = within;
      document.querySelector("[data-when=in]").hidden = !within;
      const link = within ? await ask("GET", "/v1/me/oidc") : null;
      byId("linked").textContent = link ? "Linked to " + link.provider + " since " + link.since + "." : "";
      byId("unlink").hidden = !link;
    };
    run(async () => { try { await show(); } catch (refused) { if (sessionStorage.getItem("session")) throw refused; } });
    on("leave", async () => { await signOut(); await show(); });
    on("link", async () => {
      await begin();
      await confirmed(() => leave("/v1/me/oidc/challenge", weak ? "link-once" : "link"));
    });
    on("unlink", async () => {
      await confirmed(() => ask("DELETE", "/v1/me/oidc"));
      await show();
      return "The link has ended.";
    });
  },
  "password": () => {
    let ceremony = "";
    document.querySelector("[data-when=out]").hidden = Boolean(sessionStorage.getItem("session"));
    on("begin", async () => {
      await begin();
      const shown = await confirmed(() => ask("POST", "/v1/me/password/challenge"));
      ceremony = shown.ceremony;
      byId("secret").textContent = shown.secret;
      byId("url").textContent = shown.url;
      byId("begun").hidden = false;
    });
    on("set", async () => {
      const password = byId("password").value;
      if (password !== byId("again").value) return "The two passwords are not the same.";
      await ask("POST", "/v1/me/password", { ceremony, password, code: byId("code").value });
      byId("begun").hidden = true;
      for (const id of ["password", "again", "code"]) byId(id).value = "";
      for (const id of ["secret", "url"]) byId(id).textContent = "";
      if (weak) await signOut();
      return "Set. Sign in with it on the page for that, with the next code.";
    });
  },
  "device": () => {
    // What is approved is what was looked at, whatever stands in the field by then.
    let shown = "";
    const code = () => ({ code: shown });
    on("look", async () => {
      shown = byId("code").value;
      byId("asks").hidden = true;
      byId("answered").hidden = true;
      await needSession();
      const asking = await ask("POST", "/v1/me/terminals/show", code());
      byId("source").textContent = asking.source === "socket" ? "the site's own machine" : asking.source;
      byId("since").textContent = asking.since;
      byId("purpose").textContent = asking.confirms ? "to confirm that it is you" : "to be signed in as you";
      byId("asks").hidden = false;
    });
    on("approve", async () => {
      const asked = await ask("POST", "/v1/me/terminals/challenge", code());
      const credential = told(await navigator.credentials.get(forGet(asked.options)));
      const approved = await ask("POST", "/v1/me/terminals/approve", { ...code(), ceremony: asked.ceremony, credential });
      byId("asks").hidden = true;
      byId("answer").textContent = approved.answer;
      byId("answered").hidden = false;
    });
    on("refuse", async () => {
      await ask("POST", "/v1/me/terminals/refuse", code());
      byId("asks").hidden = true;
      return "Refused. If you did not ask, tell an administrator.";
    });
  },
  "sessions": () => {
    on("sign-out", async () => {
      await signOut();
      return "You are signed out.";
    });
    run(async () => { await needSession(); await showSessions(); });
  },
};

pages[document.querySelector("[data-page]").dataset.page]();
