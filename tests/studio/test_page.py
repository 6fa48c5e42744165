"""The studio in a real browser: what a person does in each tab, on a laptop and on a phone, with nothing from outside.

Needs Gradio, Playwright and a Chromium of the system; one server serves all tests.
"""

import asyncio
import contextlib
import os
import re
import shutil
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.studio.stage import HOSTILE, answers, make_stage, open_stage

from roletune.engine.store import read_records
from roletune.llm.scripted import ScriptedModel
from roletune.records import Edit, Thumb, Vote

pytest.importorskip("gradio", reason="the extra studio is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSER = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this system (Debian: apt install chromium)")
# What a browser asks for on its own is turned off, so that what is left was asked by the page.
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


@dataclass
class Studio:
    url: str
    folder: Path


def salty(request):
    return HOSTILE if "hostile" in request.messages[-1]["content"] else next(SALTY)


SALTY = (f"Salty answer number {number}." for number in range(1, 1000))


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """The studio with two characters, served from a thread of its own."""
    from roletune.inference.serve.run import listen
    from roletune.studio.server import make_app, require_packages, rules_for

    require_packages()
    import uvicorn

    folder = make_stage(tmp_path_factory.mktemp("page") / "mira", notice="Mira belongs to nobody.")
    other = make_stage(tmp_path_factory.mktemp("page") / "untrained", trained=False, reported=False)
    third = make_stage(tmp_path_factory.mktemp("page") / "bishop", name="Bishop", reported=False)
    listening = listen("127.0.0.1", 0)
    started, ended = threading.Event(), threading.Event()

    async def serve():
        async with open_stage(folder, other, third, character=ScriptedModel(salty), base=answers("Plain")) as troupe:
            app = make_app(troupe, rules_for("127.0.0.1", ""))
            server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
            task = asyncio.create_task(server.serve([listening]))
            while not server.started:
                await asyncio.sleep(0.02)
            started.set()
            while not ended.is_set():
                await asyncio.sleep(0.05)
            server.should_exit = True
            await task

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(120)
    yield Studio(f"http://127.0.0.1:{listening.getsockname()[1]}/", folder)
    ended.set()
    thread.join(15)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=list(OPTIONS))
        yield opened
        opened.close()


@contextlib.contextmanager
def opened(browser, studio, width=1100, height=900):
    """The page; nothing may fail in it, and nothing may be asked of another host, blocked or not."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(20_000)
    outside, failed = [], []
    here = re.compile(rf"{re.escape(studio.url)}|data:|blob:")
    page.on("request", lambda request: here.match(request.url) or outside.append(request.url))
    page.on("response", lambda answer: answer.status >= 400 and failed.append(f"{answer.status} {answer.url}"))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("dialog", lambda dialog: failed.append(dialog.message) or dialog.dismiss())
    page.goto(studio.url)
    page.get_by_text("is an AI character").wait_for()
    try:
        yield page
        assert outside == []
        assert failed == []
    finally:
        page.close()


@pytest.fixture(scope="module")
def page(browser, studio):
    with opened(browser, studio) as page:
        yield page


def see(place, text=""):
    place.filter(has_text=text).first.wait_for()


def tab(page, name):
    page.get_by_role("tab", name=name).click()


def button(page, name):
    return page.get_by_role("button", name=name).filter(visible=True).first


def choice(page, title):
    return page.locator("fieldset").filter(has_text=title)


def say(page, text):
    page.get_by_label("What you say", exact=True).fill(text)
    button(page, "Send").click()


def last_answer(page):
    return page.locator("[data-testid=bot]").last


def test_whoever_opens_it_is_told_that_it_is_an_ai_character(page):
    notice = page.get_by_role("note", name="Notice")
    see(notice, "Mira is an AI character: what it says is made up. Mira belongs to nobody.")


def test_talk_swipe_edit_and_rate(page, studio):
    say(page, "Who goes there?")
    page.get_by_text("Answer 1 of 1").wait_for()
    first = last_answer(page).inner_text()
    button(page, "Another answer").click()
    page.get_by_text("Answer 2 of 2").wait_for()
    assert last_answer(page).inner_text() != first
    button(page, "Earlier").click()
    page.get_by_text("Answer 1 of 2").wait_for()
    see(last_answer(page), first)
    page.get_by_role("button", name="Edit").first.click()
    page.locator("#conversation textarea").fill("Who whistles indoors?")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Answer 1 of 1").wait_for()
    see(page.locator("[data-testid=user]"), "Who whistles indoors?")
    assert page.get_by_text("Who goes there?").count() == 0
    rated = last_answer(page).inner_text().strip()
    page.get_by_role("button", name="Like", exact=True).last.click()
    (rating,) = until(lambda: read(studio.folder / "journal" / "thumbs.jsonl", Thumb))
    assert (rating.reply, rating.good) == (rated, True)
    assert [turn.text for turn in rating.context] == ["Who whistles indoors?"]


def test_behind_the_answer_are_passages(page):
    say(page, "Who winds the clockwork of the lighthouse?")
    see(last_answer(page), "Salty")
    page.get_by_text("Why this answer").click()
    see(page.locator("#why"), "winds its clockwork every four hours")
    page.get_by_text("Why this answer").click()


def test_hostile_text_is_text(page):
    say(page, f"hostile {HOSTILE}")
    see(last_answer(page), "${alert(1)} {{ 7 * 7 }}")
    assert page.locator("#conversation img[src*=example]").count() == 0


def test_several_meet_in_a_scene_and_know_what_they_perceived(page, studio):
    tab(page, "Group")
    see(page.get_by_role("note", name="Notice of the scene"), "Mira and Bishop are AI characters")
    words, lines = page.get_by_label("What you say in the scene"), page.locator("#group-said .line")
    words.fill(f"Bishop, Mira: {HOSTILE}")
    words.press("Enter")
    lines.nth(2).wait_for()
    assert [line.locator("b").inner_text() for line in lines.all()] == ["Guest", "Bishop", "Mira"]
    assert page.locator("#group-said img").count() == 0
    choice(page, "Who hears you").get_by_label("Mira").check()
    words.fill("The key is under the third rung.")
    button(page, "Say it").click()
    see(lines.nth(4), "heard by Guest only")
    choice(page, "Who is in the room").get_by_label("Bishop").uncheck()
    see(page.locator("#group-said"), "Bishop leaves.")
    choice(page, "As it is known to").get_by_label("Bishop").check()
    see(page.locator("#group-said"), "2 lines that Bishop did not perceive left out.")
    assert lines.count() == 3
    button(page, "Cast, scene").click()
    button(page, "Begin this scene").click()
    see(page.locator("#group-said"), "Nothing has been said")
    button(page, "Scenes that were kept").click()
    button(page, "Go on with it").click()
    lines.nth(4).wait_for()
    see(page.locator("#group-said"), "Bishop leaves.")
    page.locator("body").press("g")
    see(lines.nth(5), "Mira")


def test_vote_blindly_and_see_who_was_who(page, studio):
    tab(page, "Compare")
    button(page, "Compare blindly").click()
    replies = page.locator("#replies article")
    replies.first.wait_for()
    shown = [reply.inner_text() for reply in replies.all()]
    assert not re.search("adapter|base", " ".join([*shown, page.locator("#standings").inner_text()]))
    page.keyboard.press("a")
    see(page.locator("#standings"), "A was")
    (vote,) = read(studio.folder / "journal" / "votes.jsonl", Vote)
    assert vote.choice == "left"
    assert all(reply in text for reply, text in zip(vote.replies, shown, strict=True))
    see(page.locator("#standings"), f"A was {vote.left}, B was {vote.right}.")


def test_side_by_side_names_them_and_asks_for_no_vote(page):
    page.get_by_label("Your question").fill("What floats?")
    button(page, "Side by side").click()
    see(page.locator("#replies article"), "base_prompt")
    assert button(page, "A is better").count() == 0


def test_a_contestant_against_itself_is_one_sentence(page):
    page.get_by_label("The other").click()
    page.get_by_role("option", name="adapter").click()
    page.get_by_label("Your question").fill("")
    button(page, "Compare blindly").click()
    page.get_by_text("adapter can't stand against itself").wait_for()


def test_rows_are_accepted_rejected_and_edited(page, studio):
    tab(page, "Review")
    page.get_by_label("Stage").click()
    page.get_by_role("option", name="scenes").click()
    row = page.locator("#row")
    see(row, "thing number 0")
    page.locator("body").press("a")
    see(row, "thing number 1")
    page.locator("body").press("r")
    see(row, "thing number 2")
    page.locator("body").press("e")
    editor = page.get_by_label("The row as JSON")
    text = editor.input_value()
    editor.fill("{}")
    button(page, "Save").click()
    page.get_by_text("That is no Scene").wait_for()
    editor.fill(text.replace("the quay", "the pier"))
    button(page, "Save").click()
    see(row, "That was the last row.")
    edits = read(studio.folder / "journal" / "edits.jsonl", Edit)
    assert [(edit.id, edit.action) for edit in edits] == [("s0", "accept"), ("s1", "reject"), ("s2", "edit")]
    assert edits[2].record["location"] == "the pier"


def test_profile_training_and_report_are_shown(page):
    tab(page, "Profile")
    see(page.locator("#profile"), "distrusts anybody who whistles indoors")
    tab(page, "Training")
    page.locator("#training svg.wide").wait_for()
    tab(page, "Report")
    see(page.frame_locator("iframe.report").locator("h1"), "Mira")


def test_another_character_is_chosen_and_what_it_lacks_says_how_to_get_it(page):
    page.get_by_label("Character", exact=True).click()
    page.get_by_role("option", name="untrained").click()
    see(page.locator("#report"), "roletune report")
    tab(page, "Compare")
    see(page.locator("#replies"), "was not trained yet")
    tab(page, "Training")
    see(page.locator("#training"), "No training yet")
    tab(page, "Chat")
    say(page, "Are you there?")
    page.get_by_text("was not trained yet. Run: roletune run").last.wait_for()
    assert page.locator("#conversation").get_by_text("Are you there?").is_visible()
    assert page.locator("main .error").filter(visible=True).count() == 0


def test_a_phone_scrolls_in_one_direction_only(browser, studio):
    with opened(browser, studio, 390, 844) as page:
        for name in ("Chat", "Group", "Compare", "Review", "Profile", "Training", "Report"):
            if page.get_by_role("tab", name=name).is_visible():
                tab(page, name)
            else:
                page.get_by_role("button", name="More tabs").click()
                page.locator(".overflow-dropdown").get_by_role("button", name=name).click()
            page.wait_for_timeout(150)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            places = [one.bounding_box() for one in page.get_by_role("button").filter(visible=True).all()]
            assert all(place["x"] >= 0 and place["x"] + place["width"] <= 390 for place in places if place), name


def test_every_field_and_button_has_a_name(page):
    nameless = """() => [...document.querySelectorAll("input, textarea, select, button")].filter((each) =>
        each.offsetParent && each.type !== "hidden" && !(each.innerText || "").trim() && !each.ariaLabel &&
        !(each.labels || []).length && !each.title).map((each) => each.outerHTML.slice(0, 200))"""
    for name in ("Chat", "Group", "Compare", "Review"):
        tab(page, name)
        assert page.evaluate(nameless) == []


def test_no_path_in_a_request_reaches_a_file(studio):
    host, port = studio.url.removeprefix("http://").rstrip("/").split(":")
    for path in (
        "/gradio_api/file=/etc/passwd",
        "/assets/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/x",
        "/report/..",
    ):
        with socket.create_connection((host, int(port)), timeout=30) as asking:
            asking.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            head = asking.makefile("rb").readline()
        assert b"200" not in head, path


def read(path, model):
    return read_records(path, model) if path.is_file() else []


def until(look, seconds=20.0):
    """What `look` gives, as soon as that is something."""
    waited = threading.Event()
    for _ in range(int(seconds / 0.1)):
        if found := look():
            return found
        waited.wait(0.1)
    return look()
