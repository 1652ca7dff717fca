"use strict";
const list = document.getElementById("requests");
const live = document.getElementById("live");
const target = document.getElementById("target");
const MOST = 200;

const told = (state, text) => { live.dataset.state = state; live.textContent = text; };

// Times in the reader's own zone; today's without the date.
const localise = (root) => {
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    const today = at.toDateString() === new Date().toDateString();
    const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
    const day = { day: "numeric", month: "short", year: "numeric" };
    time.textContent = at.toLocaleString(undefined, today ? clock : { ...day, ...clock });
    time.title = time.dateTime;
  }
};

// The command with the address that the reader wants it sent to.
const retarget = (root) => {
  const quoted = "'" + target.value.replaceAll("'", "'\\''") + "'";
  for (const command of root.querySelectorAll("[data-replay]")) {
    command.original ??= command.textContent;
    command.textContent = command.original.replace("'http://localhost:3000/'", () => quoted);
  }
};

const dress = (root) => {
  localise(root);
  retarget(root);
  for (const button of root.querySelectorAll("[data-copy], [data-copy-replay]")) button.hidden = !navigator.clipboard;
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-replay]");
  if (!button) return;
  const from = button.dataset.copy ? document.querySelector(button.dataset.copy) : button.parentElement.querySelector("[data-replay]");
  await navigator.clipboard.writeText(from.textContent);
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 1500);
});

target.addEventListener("input", () => retarget(document));

// One more in the filter: of all, and of its type.
const count = (kind) => {
  for (const link of document.querySelectorAll(".filter a")) {
    if (link.dataset.kind !== "*" && link.dataset.kind !== kind) continue;
    const number = link.querySelector("span");
    number.textContent = Number(number.textContent) + 1;
  }
};

let newest = Number(list.dataset.newest);

const listen = () => {
  const source = new EventSource(list.dataset.stream + "&after=" + newest);
  told("wait", "connecting");
  source.addEventListener("open", () => told("on", "live"));
  source.addEventListener("request", (event) => {
    newest = Number(event.lastEventId);
    if (document.getElementById("r" + newest)) return;
    // Written by the server's templates, as the page itself is.
    list.insertAdjacentHTML("afterbegin", event.data);
    const item = list.firstElementChild;
    item.classList.add("new");
    setTimeout(() => item.classList.remove("new"), 4000);
    dress(item);
    count(item.dataset.kind);
    document.getElementById("empty").hidden = true;
    while (list.children.length > MOST) list.lastElementChild.remove();
  });
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return told("wait", "connecting again");
    told("gone", "not live: the bin is gone, or too many are looking");
    setTimeout(listen, 10000);
  });
};

dress(document);
document.getElementById("zone").textContent = "in your own time zone";
if (list.dataset.stream) listen();
