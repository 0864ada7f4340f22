// What moves on a page: the log, how far a run is, what is live. Everything is set as text.
const csrf = document.querySelector('meta[name="csrf"]').content;
const field = (name, within = document) => within.querySelector(`[data-field="${name}"]`);
const post = (path) => fetch(path, { method: "POST", headers: { "X-CSRF-Token": csrf } });
const number = new Intl.NumberFormat("en");

function bytes(count) {
  if (count === null || count === undefined) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; count >= 1024 && unit < units.length - 1; unit++) count /= 1024;
  return `${count.toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

function clock(seconds) {
  const whole = Math.round(seconds);
  const two = (count) => String(count).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

function showJob(job) {
  const state = field("state");
  state.textContent = job.state;
  state.className = `state ${job.state}`;
  field("run").textContent = job.run || "not yet named";
  field("at").textContent = [job.play, job.task].filter(Boolean).join(": ") || "beginning";
  const why = field("why");
  why.textContent = job.why;
  why.hidden = !job.why;
  const load = job.load;
  if (!load) return;
  const parts = [load.phase, `${number.format(load.rows)} rows`];
  if (load.rows_per_second) parts.push(`${number.format(Math.round(load.rows_per_second))} rows/s`);
  if (load.seconds_left) parts.push(`${clock(load.seconds_left)} left`);
  field("load").textContent = parts.filter(Boolean).join(", ");
  const bar = document.getElementById("progress");
  bar.hidden = !load.total || job.state !== "running";
  if (load.total) bar.value = (100 * load.bytes) / load.total;
}

const log = document.getElementById("log");
if (log) {
  const path = `/api/jobs/${log.dataset.job}`;
  const LONGEST = 2_000_000; // characters that are kept on the page
  const ask = async () => {
    const reply = await fetch(path);
    if (reply.ok) showJob(await reply.json());
  };
  const lines = new EventSource(`${path}/log`);
  const timer = setInterval(ask, 1000);
  ask();
  let waiting = "";
  lines.onmessage = (event) => {
    if (!waiting) requestAnimationFrame(() => {
      const below = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
      log.append(waiting);
      waiting = "";
      if (log.textContent.length > LONGEST) log.textContent = log.textContent.slice(-LONGEST / 2);
      if (below) log.scrollTop = log.scrollHeight;
    });
    waiting += JSON.parse(event.data) + "\n";
  };
  lines.addEventListener("end", () => {
    lines.close();
    clearInterval(timer);
    ask();
    document.getElementById("cancel")?.remove();
  });
}

document.getElementById("cancel")?.addEventListener("click", async () => {
  const answer = document.getElementById("answer");
  answer.textContent = "…";
  const reply = await post(`/api/jobs/${log.dataset.job}/cancel`);
  const body = await reply.json();
  answer.textContent = reply.ok ? "It is interrupted; its load is ended." : body.detail;
});

document.getElementById("logout")?.addEventListener("click", async () => {
  await post("/logout");
  location.assign("/");
});

const live = document.getElementById("live");
if (live) (async () => {
  const reply = await fetch(live.dataset.ask);
  const found = await reply.json();
  const about = field("about", live);
  if (!reply.ok || !found.volume) {
    about.textContent = found.detail || (found.failures || []).map((one) => one.message).join("; ");
    return;
  }
  const volume = found.volume;
  field("live", live).textContent = volume.live || "Nothing is live yet.";
  const served = volume.snapshots.find((one) => one.snapshot === volume.live);
  const told = [];
  if (served?.release) told.push(`release ${served.release}`);
  const since = (volume.history || []).filter((one) => one.state === "live" && one.snapshot === volume.live).pop();
  if (since) told.push(`live since ${since.at.slice(0, 16).replace("T", " ")} UTC by ${since.operator}`);
  if (volume.previous) told.push(`a rollback goes to ${volume.previous}`);
  told.push(volume.lock ? `run ${volume.lock.run} of ${volume.lock.operator} has the volume` : "no run has the volume");
  told.push(`${bytes(volume.free_bytes)} free`);
  about.textContent = told.join(" · ");
  const table = document.getElementById("snapshots");
  for (const one of [...volume.snapshots].reverse()) {
    const row = table.tBodies[0].insertRow();
    for (const text of [one.snapshot, one.release, one.state, bytes(one.bytes)]) row.insertCell().textContent = text ?? "";
    row.lastChild.className = "number";
  }
  table.hidden = !volume.snapshots.length;
})();
