// The page begins: the table, and the locus that its address names.

const columns = JSON.parse(at("rows").textContent);
document.body.append(tip);
at("no-script").remove();

if (Object.keys(columns).length) {
  at("loci-section").hidden = false;
  const listed = lociTable(columns, (k) => go(k));
  let opened = -1;

  // Opens a locus by going to its address, so that "back" goes back.
  function go(k) {
    location.hash = listed.address(k);
  }

  function close(focus = true) {
    const was = opened;
    opened = -1;
    at("locus").replaceChildren();
    listed.mark(-1);
    hideTip();
    if (focus && was >= 0) {
      history.pushState(null, "", "#loci");
      listed.focus(was);
    }
  }

  async function open(k) {
    if (k === opened) return;
    opened = k;
    listed.mark(k);
    let locus;
    try {
      locus = await unpack(k);
    } catch (error) {
      at("locus").replaceChildren(make("p", { class: "missing", role: "alert" }, `This locus cannot be unpacked (${error.message}): the file is damaged, or the browser is older than 2023.`));
      return;
    }
    if (opened !== k) return;
    const beside = (step) => {
      const other = listed.beside(k, step);
      return other < 0 ? null : () => go(other);
    };
    const { section, heading } = locusSection(locus, { previous: beside(-1), next: beside(1), close });
    at("locus").replaceChildren(section);
    section.scrollIntoView({ block: "start" });
    heading.focus({ preventScroll: true });
  }

  function follow() {
    const match = /^#locus=(.*)$/.exec(location.hash);
    if (!match) {
      if (opened >= 0) close(false);
      return;
    }
    let wanted = match[1];
    try {
      wanted = decodeURIComponent(wanted);
    } catch {
      // No escape: it is a name as it stands.
    }
    const k = listed.names.indexOf(wanted);
    if (k >= 0) open(k);
    else at("locus").replaceChildren(make("p", { class: "missing", role: "alert" }, "There is no locus ", named(wanted), " in this report."));
  }

  window.addEventListener("hashchange", follow);
  follow();
}
document.documentElement.dataset.ready = "yes";
