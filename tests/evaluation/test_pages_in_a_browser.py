"""The pages in headless Chromium: nothing is asked for, nothing complains, nothing is wider than a phone."""

import html
import re
import shutil
import subprocess

import pytest

from roletune.evaluation.compare_page import render_page
from roletune.evaluation.comparing import Entry, Kind, Said, Score, compare_entries
from roletune.evaluation.report_html import render_html
from roletune.records import Entrant, Suites

from . import invented

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=3000 --dump-dom"
)
# The page's own policy forbids scripts, so a page around it measures it.
FRAME = """<body style="margin:0"><iframe style="border:0;width:390px;height:844px" srcdoc="{page}"></iframe>
<pre></pre><script>
document.querySelector("iframe").onload = (event) => {{
  const inner = event.target.contentWindow
  const asked = inner.performance.getEntriesByType("resource").map((entry) => entry.name)
  const outside = asked.filter((name) => !name.startsWith("data:"))
  document.querySelector("pre").textContent =
    `WIDTH ${{inner.document.documentElement.scrollWidth}} ASKED ${{outside}} END`
}}</script></body>"""


def whole():
    return render_html(invented.report(suites=Suites(capability=invented.capability(lost=12))))


def comparison():
    said = {"q": Said("Mira", "A question?", "", "An answer of some length. " * 20)}
    scores = {("emoji", Kind("style", "share", "high")): {f"q{k}": Score(float(k % 2)) for k in range(9)}}
    entries = [Entry(Entrant(name=f"a-contestant-{k}", what="invented"), scores, said) for k in range(4)]
    return render_page(compare_entries(entries, resamples=200))


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
@pytest.mark.parametrize("page", [whole, comparison], ids=["report", "compare"])
def test_a_page_fits_a_phone_and_asks_for_nothing(page, tmp_path):
    around = tmp_path / "around.html"
    around.write_text(FRAME.format(page=html.escape(page())), "utf-8")
    command = [CHROMIUM, *FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}", around.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    width, asked = re.search(r"WIDTH (\d+) ASKED (.*?) END</pre>", done.stdout).groups()
    assert (int(width) <= 390, asked) == (True, ""), width
    assert "CONSOLE" not in done.stderr
