// The live picture or a photo, drawn with the settings of this view. The server has no state of views: each request has
// its settings.

import { partsOf } from "./multipart.js";
import { openCamera } from "./webcam.js";

const POLL = 250; // milliseconds between requests of the state
const BREATH = 30; // milliseconds between pictures of the webcam

const HINTS = {
  paper: "Pixels above this share of the map's maximum.",
  gradcam: "Pixels above this share of the maximum, negative values set to zero first.",
  minmax: "Pixels above this share of the way from minimum to maximum.",
};

const STATES = {
  waiting: ["wait", "Waiting for the first frame."],
  playing: ["good", "Live."],
  stalled: ["wait", "No new frame for some seconds; the source may be gone."],
  ended: ["", "The source has ended."],
  failed: ["bad", "The source failed: "],
};

const by = (id) => document.getElementById(id);
const nameOf = (record) => record.label ?? `class ${record.class_index}`;
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const shareOf = (score) => (score > 0 && score < 0.0005 ? "<0.1 %" : percent(score));
const scoreOf = ({ score, is_probability }) => (is_probability ? shareOf(score) : score.toPrecision(4));

let model = null;
let pinned = null; // index of the chosen class; null: the best one
let photo = null; // the file that is shown in place of the live picture
let verdict = "No photo yet."; // status line of the last photo
let wanted = null; // the file to be shown next
let watching = null; // aborts the stream of live pictures
let watched = null; // settings of the current or last stream
let camera = null; // the webcam, while its pictures are shown
let [asking, askAgain] = [false, false];

// ---- texts and pictures ---------------------------------------------------------------------------------------------

// Set only a text that has changed: a screen reader reads out each update.
function say(kind, text) {
  if (by("status").textContent !== text) by("status").textContent = text;
  by("status").className = kind;
}

function complain(text) {
  by("problem").textContent = text;
  by("problem").hidden = !text;
}

function showFound(found) {
  const { chosen, maps } = found;
  by("chosen").textContent = `${nameOf(chosen)} ${scoreOf(chosen)}`;
  const [x0, y0, x1, y1] = chosen.box ?? [];
  by("box").textContent = chosen.box
    ? `box ${x0}, ${y0} to ${x1}, ${y1} of ${found.width} × ${found.height} pixels`
    : "no box: nothing in its map is above the threshold";
  hint("method", `The map is by ${chosen.method}.`);
  while (by("bars").children.length < maps.length) by("bars").append(newBar());
  maps.forEach((record, k) => fillBar(by("bars").children[k].firstChild, record));
  by("best-classes").hidden = false;
}

function newBar() {
  const item = document.createElement("li");
  item.innerHTML =
    '<button type="button" class="bar"><span class="name"></span> <span class="value"></span>' +
    '<span class="track" aria-hidden="true"><span class="fill"></span></span></button>';
  item.firstChild.addEventListener("click", ({ currentTarget }) => {
    const index = Number(currentTarget.dataset.index);
    pin(index === pinned ? null : index);
  });
  return item;
}

function fillBar(bar, record) {
  const [name, value, track] = bar.children;
  bar.dataset.index = record.class_index;
  bar.setAttribute("aria-pressed", record.class_index === pinned);
  bar.title = name.textContent = nameOf(record);
  value.textContent = scoreOf(record);
  track.firstChild.style.width = `${record.is_probability ? 100 * record.score : 0}%`;
}

function showPicture(source, description) {
  const picture = by("picture");
  if (picture.src.startsWith("blob:")) URL.revokeObjectURL(picture.src);
  picture.src = source;
  picture.alt = description;
  picture.hidden = false;
  by("empty").hidden = true;
  by("legend").hidden = false;
  by("save").href = source;
  by("save").download = `${photo ? photo.name.replace(/\.[^.]*$/, "") : "live"}-overlay.jpg`;
}

function hint(name, text) {
  if (by(`${name}-hint`).textContent !== text) by(`${name}-hint`).textContent = text;
}

function showColors() {
  const name = by("colormap").value;
  by("colors").style.background = `linear-gradient(to right, ${model.colormaps[name].join(", ")})`;
  by("colors").setAttribute("aria-label", `Colors of the heatmap from its lowest to its highest value: ${name}`);
}

// ---- settings -------------------------------------------------------------------------------------------------------

function settings() {
  const given = new URLSearchParams({
    convention: by("convention").value,
    threshold: by("threshold").value / 100,
    opacity: by("opacity").value / 100,
    method: by("method").value,
    colormap: by("colormap").value,
  });
  if (pinned !== null) given.set("class", pinned);
  return given.toString();
}

function changed() {
  by("threshold-value").textContent = percent(by("threshold").value / 100, 0);
  by("opacity-value").textContent = percent(by("opacity").value / 100, 0);
  hint("convention", HINTS[by("convention").value] ?? "");
  showColors();
  if (wanted) explain();
}

function pin(index) {
  pinned = index;
  by("class").value = index === null ? "" : (model.labels?.[index] ?? index);
  by("class").removeAttribute("aria-invalid");
  complain("");
  changed();
}

function pinByName(text) {
  const given = text.trim().toLowerCase();
  if (!given) return pin(null);
  const named = model.labels?.findIndex((label) => label.toLowerCase() === given) ?? -1;
  const index = named < 0 && /^\d+$/.test(given) ? Number(given) : named;
  if (index >= 0 && index < model.classes) return pin(index);
  by("class").setAttribute("aria-invalid", "true");
  complain(`There is no class “${text.trim()}”; expected a name from the list, or 0 to ${model.classes - 1}.`);
}

// ---- live -----------------------------------------------------------------------------------------------------------

async function answerOf(response) {
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

// `fetch` throws a TypeError where no server answers.
const GONE = "fastcam doesn't answer. Is it still running?";
const messageOf = (error) => (error instanceof TypeError ? GONE : error.message);

async function follow() {
  if (!model) await start();
  else if (model.live && !photo && !document.hidden) {
    const given = settings();
    const state = await fetch(`live.json?${given}`).then(answerOf);
    if (!photo) showLive(state, given);
  }
}

function showLive(state, given) {
  const [kind, text] = STATES[state.state];
  const over = state.state === "ended" || state.state === "failed";
  const last = state.found && over ? " This is its last frame." : "";
  say(kind, `${text}${state.error ?? ""}${last}`);
  const rate = state.state === "playing" && state.frames_per_second;
  by("rate").textContent = rate ? `${rate.toFixed(1)} frames/s explained, ${state.dropped} left out` : "";
  by("empty").textContent = over ? "No picture. Drop a photo here, or choose one." : text;
  if (state.found && (given !== watched || (!watching && !over))) watch(given);
}

// Not by <img src="live.mjpg">: browsers don't report a lost stream of an image. Numbers come with each picture, so that
// the page shows one frame only.
async function watch(given) {
  stopWatching();
  const mine = (watching = new AbortController());
  const isBest = pinned === null;
  watched = given;
  try {
    const response = await fetch(`live.mjpg?${given}`, { signal: mine.signal });
    if (!response.ok) return;
    for await (const { found, body } of partsOf(response.body.getReader())) {
      if (mine.signal.aborted) break;
      const picture = URL.createObjectURL(new Blob([body], { type: "image/jpeg" }));
      const name = isBest ? "the best class" : nameOf(found.chosen);
      by("found").setAttribute("aria-live", "off"); // numbers of every frame
      showPicture(picture, `Live picture with the heatmap and box of ${name}`);
      await by("picture").decode();
      if (mine.signal.aborted) break;
      showFound(found);
    }
  } catch {
    // The stream was stopped, or lost: `follow` begins a new one.
  } finally {
    if (watching === mine) watching = null;
  }
}

function stopWatching() {
  watching?.abort();
  watching = null;
}

// ---- photos ---------------------------------------------------------------------------------------------------------

function choose(files) {
  const [file] = files;
  if (!file || !model) return;
  closeCamera();
  complain("");
  const most = model.most_bytes;
  if (file.size > most) return complain(`${file.name} is too large: expected at most ${most >> 20} MB.`);
  wanted = file;
  explain();
}

async function chooseSample() {
  try {
    const response = await fetch("sample.jpg");
    if (!response.ok) throw new Error("There is no sample photo in this installation.");
    choose([new File([await response.blob()], "coffee.jpg", { type: "image/jpeg" })]);
  } catch (error) {
    complain(messageOf(error));
  }
}

// Send one request at a time, and after it one with the newest settings.
async function explain() {
  askAgain = asking;
  if (asking) return;
  asking = true;
  by("stage").setAttribute("aria-busy", "true");
  do {
    askAgain = false;
    await askFor(wanted);
  } while (askAgain && wanted);
  asking = false;
  by("stage").removeAttribute("aria-busy");
}

async function askFor(file) {
  if (file !== photo && !camera) say("", `Explaining ${file.name}.`);
  try {
    const answer = await fetch(`photo?${settings()}`, { method: "POST", body: file }).then(answerOf);
    if (wanted === file) showPhoto(file, answer);
  } catch (error) {
    if (wanted !== file) return;
    closeCamera();
    wanted = photo;
    complain(messageOf(error).replace(/^photo/, () => file.name));
    say(photo ? "good" : "", verdict);
  }
}

function showPhoto(file, { found, picture }) {
  photo = file;
  complain("");
  stopWatching();
  by("back").hidden = !model.live;
  by("rate").textContent = "";
  by("found").setAttribute("aria-live", camera ? "off" : "polite");
  showFound(found);
  showPicture(picture, `${file.name} with the heatmap and box of ${nameOf(found.chosen)}`);
  verdict = camera ? "Webcam." : `${file.name}: explained.`;
  say("good", verdict);
}

async function useCamera() {
  if (camera) return closeCamera();
  if (!model) return;
  complain("");
  try {
    camera = await openCamera();
  } catch (error) {
    return complain(error.message);
  }
  const mine = camera;
  by("webcam").setAttribute("aria-pressed", true);
  stopWatching();
  while (camera === mine) {
    const shot = await mine.shoot();
    if (camera !== mine) break;
    wanted = shot;
    await explain();
    await new Promise((resolve) => setTimeout(resolve, BREATH));
  }
}

// The last picture stays, as a photo.
function closeCamera() {
  if (!camera) return;
  camera.close();
  camera = null;
  by("webcam").setAttribute("aria-pressed", false);
  if (photo) say("", (verdict = "The webcam is off. This is its last picture."));
}

function backToLive() {
  closeCamera();
  photo = wanted = watched = null;
  complain("");
  by("back").hidden = true;
  by("file").focus();
}

// ---- the page -------------------------------------------------------------------------------------------------------

async function start() {
  model = await fetch("model.json").then(answerOf);
  by("model").textContent = `${model.name}, ${model.classes} classes`;
  by("model").title = `${model.head}\n${model.preprocess}`;
  document.title = `${model.name} – fastcam`;
  by("convention").replaceChildren(...Object.keys(model.conventions).map((name) => new Option(name)));
  by("method").replaceChildren(...model.methods.map((name) => new Option(name)));
  by("colormap").replaceChildren(...Object.keys(model.colormaps).map((name) => new Option(name)));
  by("labels").replaceChildren(...(model.labels ?? []).map((label) => new Option("", label)));
  if (!model.live) say("", verdict);
  changed();
}

async function run() {
  for (;;) {
    try {
      await follow();
    } catch (error) {
      say("bad", messageOf(error));
      watched = null;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

by("settings").addEventListener("submit", (event) => event.preventDefault());
by("threshold").addEventListener("input", changed);
by("opacity").addEventListener("input", changed);
by("convention").addEventListener("change", () => {
  by("threshold").value = 100 * model.conventions[by("convention").value];
  changed();
});
for (const name of ["method", "colormap"]) by(name).addEventListener("change", changed);
by("sample").addEventListener("click", chooseSample);
by("webcam").addEventListener("click", useCamera);
by("class").addEventListener("change", () => pinByName(by("class").value));
by("best").addEventListener("click", () => pin(null));
by("back").addEventListener("click", backToLive);
by("file").addEventListener("change", () => {
  choose(by("file").files);
  by("file").value = ""; // so that the same photo can be chosen again
});
document.addEventListener("visibilitychange", () => document.hidden && stopWatching());

addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  choose(event.dataTransfer.files);
});

run();
