// Keeps the day board as it is: told over a socket that an appointment has changed, it fetches that one, or the whole board where
// something was missed, and the server decides and records again what may be seen. Without this script the page works by being loaded again.
"use strict";
(() => {
  const PROTOCOL = "healthcare.v1";
  const ROOM = "board";
  // What nobody pressed a button for keeps no sign-in alive.
  const BY_ITSELF = { "X-Unattended": "1" };
  // More changes than these are a look at the whole board.
  const ROWS_MAX = 8;
  // Between two looks at the board, in milliseconds.
  const CALM = 3000;
  const NO_RETRY = new Set([1009, 4006]);
  const live = document.getElementById("live");
  const token = document.querySelector('input[name="csrf"]');
  if (!document.getElementById("board") || !live || !token || !("WebSocket" in window)) return;

  let since = null;
  let wait = 1000;
  let pending = 0;
  let loading = false;
  let stale = false;
  // What has changed: all of it, or these appointments, each with its version.
  let whole = false;
  const changed = new Map();
  let looked = 0;
  let calm = CALM;

  const say = (text, on) => {
    live.hidden = false;
    live.classList.toggle("on", on);
    if (live.textContent !== text) live.textContent = text;
  };

  // Somebody who writes a reason must not lose it, and nobody looks at a hidden tab.
  const isBusy = () => {
    const active = document.activeElement;
    return document.hidden || (active && active.tagName === "INPUT" && active.closest("#board"));
  };

  const keyOf = (element) =>
    element && (element.id || element.getAttribute("formaction") || element.getAttribute("href"));

  // Puts something fresh in the place of something old, and the focus and what was open back where they were.
  const swap = (old, fresh) => {
    const open = [...old.querySelectorAll("details[open]")].map((one) => one.closest("li")?.id);
    const focused = old.contains(document.activeElement) ? keyOf(document.activeElement) : null;
    old.replaceWith(fresh);
    open.filter(Boolean).forEach((id) => {
      const details = document.getElementById(id)?.querySelector("details");
      if (details) details.open = true;
    });
    if (focused) [...fresh.querySelectorAll("a, button, summary")].find((one) => keyOf(one) === focused)?.focus();
  };

  // Puts a row where it belongs; false where this page has no such place.
  const put = (row) => {
    const slots = [...document.querySelectorAll("#board section[data-with]")]
      .find((one) => one.dataset.with === row.dataset.with)
      ?.querySelector(".slots");
    const old = document.getElementById(row.id);
    if (!slots || (old && old.parentElement !== slots)) return false;
    if (old && old.dataset.place === row.dataset.place) {
      swap(old, row);
    } else {
      old?.remove();
      const after = [...slots.children].find((one) => Number(one.dataset.place) > Number(row.dataset.place));
      slots.insertBefore(row, after || null);
      slots.closest("section").querySelector(".count").textContent = slots.children.length;
    }
    return true;
  };

  const look = async (address) => {
    const answer = await fetch(address, { cache: "no-store", headers: BY_ITSELF });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.status === 429 || answer.status >= 500) {
      calm = Math.max(calm * 2, 1000 * (Number(answer.headers.get("Retry-After")) || 0));
      throw new Error("later");
    }
    return { found: answer.ok, missing: answer.status === 204, page };
  };

  // Whoever may not look any more has nothing before them that they saw before.
  const clear = (text) => {
    document.getElementById("board").replaceChildren();
    say(text, false);
  };
  const gone = () => clear("Signed out, or not permitted any more: load the page again.");

  const lookAtAll = async () => {
    const old = document.getElementById("board");
    // What changes from now on is another look.
    whole = false;
    changed.clear();
    const { found, page } = await look(old.dataset.address).catch((error) => {
      whole = true;
      throw error;
    });
    const fresh = page.getElementById("board");
    if (found && fresh) swap(old, fresh);
    else gone();
  };

  // A row that is not on this board any more is a reason to look at all of it; one that never was is none.
  const lookAt = async (id, version) => {
    const { day, with: by } = document.getElementById("board").dataset;
    const old = document.getElementById(`a-${id}`);
    if (old && Number(old.dataset.version) >= version) return;
    const { found, missing, page } = await look(`/board/${id}?${new URLSearchParams({ day, with: by })}`);
    const row = page.getElementById(`a-${id}`);
    if (missing) whole = Boolean(old) || whole;
    else if (found && row) whole = !put(row) || whole;
    else gone();
  };

  const refresh = async () => {
    pending = 0;
    if (loading || isBusy()) {
      stale = true;
      return;
    }
    loading = true;
    stale = false;
    try {
      const inPart = "part" in document.getElementById("board").dataset;
      whole = whole || inPart || changed.size > ROWS_MAX;
      for (const [id, version] of whole ? [] : [...changed]) {
        await lookAt(id, version);
        if (changed.get(id) === version) changed.delete(id);
      }
      if (whole) await lookAtAll();
      live.dataset.looks = Number(live.dataset.looks || 0) + 1;
      calm = CALM;
    } catch {
      stale = true;
      calm = Math.max(calm, CALM * 2);
    } finally {
      loading = false;
      calm = Math.min(calm, 60000);
      looked = Date.now();
    }
    if (stale && !isBusy()) soon();
  };

  // Several changes at once are one look at the board, for each look is recorded; the first change shows at once.
  const soon = () => {
    if (!pending) pending = window.setTimeout(refresh, Math.max(250, looked + calm - Date.now()));
  };
  const all = () => {
    whole = true;
    soon();
  };
  const caughtUp = () => {
    if (stale && !isBusy()) soon();
  };
  document.addEventListener("visibilitychange", caughtUp);
  document.addEventListener("focusout", () => window.setTimeout(caughtUp, 0));

  const heard = {
    joined(message, socket) {
      since = { epoch: message.epoch, offset: message.offset };
      wait = 1000;
      say("Live: changes show by themselves.", true);
      if (!message.recovered) all();
    },
    event(message) {
      if (since) since.offset = message.offset;
      changed.set(message.id, message.version);
      soon();
    },
    reset(message) {
      since = { epoch: message.epoch, offset: message.offset };
      all();
    },
    refused(message, socket) {
      if (message.reason === "joined") return;
      if (message.reason === "denied") say("Changes do not show by themselves here.", false);
      // Closed with a number of our own it is opened again later.
      socket.close(message.reason === "denied" ? 1000 : 3000);
    },
  };

  const later = () => {
    say("Not live at the moment: trying again.", false);
    window.setTimeout(connect, wait * (1 + Math.random()));
    wait = Math.min(wait * 2, 30000);
  };

  const ticket = async () => {
    const answer = await fetch("/live/ticket", {
      method: "POST",
      headers: BY_ITSELF,
      body: new URLSearchParams({ csrf: token.value }),
      redirect: "manual",
    });
    // Whoever is not signed in any more is sent to sign in.
    if (answer.type === "opaqueredirect" || [401, 403].includes(answer.status)) return gone();
    // Here are no sockets: the page works by being loaded again.
    if (answer.status === 404) return say("Load the page again to see changes.", false);
    if (!answer.ok) throw new Error("no ticket");
    return (await answer.json()).ticket;
  };

  const connect = async () => {
    let given;
    try {
      given = await ticket();
    } catch {
      return later();
    }
    if (!given) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`, [PROTOCOL, `ticket.${given}`]);
    socket.onopen = () => socket.send(JSON.stringify({ type: "join", room: ROOM, ...(since && { since }) }));
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      heard[message.type]?.(message, socket);
    };
    socket.onclose = ({ code }) => {
      if (code === 1000) return;
      if (code === 4001) gone();
      else if (code === 4004) clear("Load the page again to see changes.");
      else if (NO_RETRY.has(code)) say("Load the page again to see changes.", false);
      else later();
    };
  };

  connect();
})();
