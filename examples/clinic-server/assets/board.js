// Keeps the day board as it is: told over a socket that an appointment has changed, it fetches the board anew, and the server
// decides and records again what may be seen. Without this script the page works by being loaded again.
"use strict";
(() => {
  const PROTOCOL = "healthcare.v1";
  const ROOM = "board";
  // What nobody pressed a button for keeps no sign-in alive.
  const BY_ITSELF = { "X-Unattended": "1" };
  // Between two looks at the board, in milliseconds.
  const CALM = 3000;
  const NO_RETRY = new Set([1009, 4001, 4004, 4006]);
  const live = document.getElementById("live");
  const token = document.querySelector('input[name="csrf"]');
  if (!document.getElementById("board") || !live || !token || !("WebSocket" in window)) return;

  let since = null;
  let wait = 1000;
  let pending = 0;
  let loading = false;
  let stale = false;
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

  const replace = (fresh) => {
    const board = document.getElementById("board");
    const open = [...board.querySelectorAll("details[open]")].map((one) => one.closest("li")?.id);
    const focused = board.contains(document.activeElement) ? keyOf(document.activeElement) : null;
    board.replaceWith(fresh);
    open.filter(Boolean).forEach((id) => {
      const details = document.getElementById(id)?.querySelector("details");
      if (details) details.open = true;
    });
    live.dataset.looks = Number(live.dataset.looks || 0) + 1;
    if (focused) [...fresh.querySelectorAll("a, button, summary")].find((one) => keyOf(one) === focused)?.focus();
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
      const answer = await fetch(document.getElementById("board").dataset.address, {
        cache: "no-store",
        headers: BY_ITSELF,
      });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("board");
      if (answer.ok && fresh) {
        replace(fresh);
        calm = CALM;
      } else if (answer.status === 429 || answer.status >= 500) {
        stale = true;
        calm = Math.max(calm * 2, 1000 * (Number(answer.headers.get("Retry-After")) || 0));
      } else {
        say("Signed out, or not permitted any more: load the page again.", false);
      }
    } catch {
      stale = true;
      calm *= 2;
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
      if (!message.recovered) soon();
    },
    event(message) {
      if (since) since.offset = message.offset;
      soon();
    },
    reset(message) {
      since = { epoch: message.epoch, offset: message.offset };
      soon();
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
    if (answer.type === "opaqueredirect" || [401, 403, 404].includes(answer.status)) return null;
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
    if (!given) return say("Load the page again to see changes.", false);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`, [PROTOCOL, `ticket.${given}`]);
    socket.onopen = () => socket.send(JSON.stringify({ type: "join", room: ROOM, ...(since && { since }) }));
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      heard[message.type]?.(message, socket);
    };
    socket.onclose = ({ code }) => {
      if (code === 1000) return;
      if (NO_RETRY.has(code)) say("Load the page again to see changes.", false);
      else later();
    };
  };

  connect();
})();
