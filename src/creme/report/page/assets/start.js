// The page begins: the table, and the locus that its address names.

const columns = JSON.parse(at("rows").textContent);
document.body.append(tip);
at("no-script").remove();

if (Object.keys(columns).length) {
  at("loci-section").hidden = false;
  const listed = lociTable(columns, (k) => go(k));
  let opened = -1;
  let shown = null;

  // Opens a locus by going to its address, so that "back" goes back.
  function go(k) {
    location.hash = listed.address(k);
  }

  function close(focus = true) {
    const was = opened;
    opened = -1;
    shown = null;
    at("locus").replaceChildren();
    listed.mark(-1);
    hideTip();
    if (focus && was >= 0) {
      history.pushState(null, "", "#loci");
      listed.focus(was);
    }
  }

  // Opens a locus; with a place, its tile there, and with a part, that part of its section.
  async function open(k, place, part) {
    if (k === opened) {
      if (shown && place) shown.choose(place, part);
      return;
    }
    opened = k;
    shown = null;
    listed.mark(k);
    let locus;
    try {
      locus = await unpack(`d${k}`);
    } catch (error) {
      at("locus").replaceChildren(make("p", { class: "missing", role: "alert" }, `This locus cannot be unpacked (${error.message}): the file is damaged, or the browser is older than 2023.`));
      return;
    }
    if (opened !== k) return;
    const beside = (step) => {
      const other = listed.beside(k, step);
      return other < 0 ? null : () => go(other);
    };
    shown = locusSection(locus, { previous: beside(-1), next: beside(1), close });
    at("locus").replaceChildren(shown.section);
    shown.section.scrollIntoView({ block: "start" });
    shown.heading.focus({ preventScroll: true });
    if (place) shown.choose(place, part);
  }

  function follow() {
    const match = /^#locus=(.*)$/.exec(location.hash);
    if (!match) {
      if (opened >= 0) close(false);
      return;
    }
    // A tile of the locus, by its place on the genome, and a part of the section may follow.
    const [, name, place, part] = /^([^&]*)(?:&tile=([^&]*))?(?:&part=(\w+))?/.exec(match[1]);
    // As it stands, for who has typed a name.
    const plain = listed.names.indexOf(match[1]);
    const wanted = decoded(plain >= 0 ? match[1] : name);
    const k = plain >= 0 ? plain : listed.names.indexOf(wanted);
    if (k >= 0) open(k, place, part);
    else at("locus").replaceChildren(make("p", { class: "missing", role: "alert" }, "There is no locus ", named(wanted), " in this report."));
  }

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text; // no escape: it is a name as it stands
    }
  }

  window.addEventListener("hashchange", follow);
  follow();
}
document.documentElement.dataset.ready = "yes";
