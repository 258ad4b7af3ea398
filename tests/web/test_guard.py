"""The gate before Gradio: who may ask for what, over HTTP and without a browser."""

import json
import os
import re
import warnings

import pytest

pytest.importorskip("gradio")

from starlette.testclient import TestClient

from photostyle.web.guard import COOKIE, MOST_TEXT
from photostyle.web.server import _libraries_unheard, open_page
from photostyle.web.sessions import Limits, Picture
from tests.util import tiny_model

HERE = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def page():
    before = os.environ.get("GRADIO_TEMP_DIR")
    with open_page(tiny_model(), Limits(upload=100_000)) as opened:
        yield opened
        root = opened.sessions.root
        assert root.is_dir()
    assert not root.exists()
    assert os.environ.get("GRADIO_TEMP_DIR") == before


@pytest.fixture
def someone(page):
    def arrive():
        client = TestClient(page.app, base_url=HERE)
        assert client.get("/").status_code == 200
        return client

    return arrive


def upload(client, name="photo.jpg", content=b"photo"):
    answer = client.post("/gradio_api/upload", files={"files": (name, content)})
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


def join(client, data):
    return client.post("/gradio_api/queue/join", json={"data": data, "fn_index": 0, "session_hash": "abc"})


def test_the_page_names_no_other_machine(someone):
    client = someone()
    text = client.get("/").text
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?(?:https?:)?//", text)
    answer = client.get("/theme.css")
    assert "@import" not in answer.text
    assert "http" not in re.sub(r"http://www\.w3\.org/\S+", "", answer.text)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


def test_a_cookie_that_scripts_and_other_sites_do_not_get(page):
    client = TestClient(page.app, base_url=HERE)
    cookie = client.get("/").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "set-cookie" not in client.get("/").headers
    forged = TestClient(page.app, base_url=HERE, cookies={COOKIE: "short"})
    assert "set-cookie" in forged.get("/").headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", ""])
def test_other_names_lead_nowhere(someone, host):
    assert someone().get("/", headers={"host": host}).status_code == 421


def test_a_name_that_was_given_leads_here():
    with open_page(tiny_model(), hosts=("studio.local",)) as page:
        client = TestClient(page.app, base_url="http://studio.local:7860")
        assert client.get("/").status_code == 200


def test_other_sites_pages_may_not_ask(someone):
    client = someone()
    answer = client.post("/gradio_api/queue/join", json={}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    assert client.get("/", headers={"origin": HERE}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy=http://127.0.0.1:22/", "/monitoring", "/monitoring/summary", "/gradio_api/deep_link",
        "/gradio_api/run/predict", "/gradio_api/call/x/y", "/gradio_api/runs", "/gradio_api/openapi.json", "/login",
        "/gradio_api/file/etc/passwd", "/gradio_api/custom_component/1/server/component/x.js", "/docs", "/x/../etc",
        "/gradio_api/vibe-code/", "/gradio_api/stream/a/b/c/playlist.m3u8", "/dev/reload",
    ],
)  # fmt: skip
def test_what_the_page_does_not_need_is_not_there(someone, path):
    assert someone().get(path).status_code == 404


def test_methods_that_the_page_does_not_need(someone):
    client = someone()
    assert client.put("/").status_code == client.delete("/").status_code == client.options("/").status_code == 404
    for path in ("run/predict", "api/predict", "call/predict", "process_recording", "vibe-edit", "run-history/connect"):
        assert client.post(f"/gradio_api/{path}", json={"data": []}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "../../../../etc/passwd", "/proc/self/environ", "http://127.0.0.1:22/", "file:///etc/passwd",
        "https://example.com/a.png", "", "a\0b", "README.md",
    ],
)  # fmt: skip
def test_files_are_uploaded_and_not_named(someone, path):
    client = someone()
    upload(client)
    assert client.get(f"/gradio_api/file={path}".replace("\0", "%00")).status_code == 404
    for data in ([{"path": path}], {"a": [[{"b": {"path": path, "meta": {"_type": "gradio.FileData"}}}]]}):
        answer = join(client, data)
        assert (answer.status_code, answer.text) == (403, "files are uploaded, not named")


def test_what_one_uploads_another_cannot_have(someone):
    anna, ben = someone(), someone()
    path = upload(anna, "mine.png", b"mine")
    assert anna.get(f"/gradio_api/file={path}").content == b"mine"
    for stranger in (ben, TestClient(anna.app, base_url=HERE)):
        assert stranger.get(f"/gradio_api/file={path}").status_code == 404
        assert join(stranger, [{"path": path}]).status_code == 403
    upload(ben, "mine.png", b"mine")  # knowing what is in it does not help
    assert ben.get(f"/gradio_api/file={path}").status_code == 404


def test_names_of_uploads_lead_nowhere_else(page, someone):
    client = someone()
    for name in ("../../x.jpg", "/etc/x.jpg", "..", "a/../../b.jpg", "ü\n.jpg", "x" * 300 + ".jpg"):
        answer = client.post("/gradio_api/upload", files={"files": (name, b"photo")})
        if answer.status_code == 200:
            owner = page.sessions.find(client.cookies[COOKIE])
            assert owner.owned(answer.json()[0]).read_bytes() == b"photo"


def test_uploads_are_limited(someone):
    client = someone()
    answer = client.post("/gradio_api/upload", files={"files": ("large.jpg", bytes(100_001))})
    assert (answer.status_code, answer.text) == (413, "the file is larger than 0 MB, which is the limit here")
    assert client.post("/gradio_api/upload", content=b"no form").status_code == 400
    stranger = TestClient(client.app, base_url=HERE)
    assert stranger.post("/gradio_api/upload", files={"files": ("a.jpg", b"a")}).status_code == 403


def test_what_is_sent_is_limited(someone):
    client = someone()
    deep = "[" * 100_000 + "]" * 100_000
    for body, status in ((b"x" * (MOST_TEXT + 1), 413), (b"no json", 400), (deep.encode(), 400)):
        assert client.post("/gradio_api/queue/join", content=body).status_code == status


def test_pictures_are_their_visitor_s(page, someone):
    anna, ben = someone(), someone()
    upload(anna)
    upload(ben)
    visitor = page.sessions.find(anna.cookies[COOKIE])
    token = visitor.show(Picture(b"jpeg", "image/jpeg"))
    file = visitor.new_folder() / "result.tif"
    file.write_bytes(b"tiff")
    offered = visitor.show(Picture(file, "image/tiff", "result.tif"))
    assert anna.get(f"/picture/{token}").content == b"jpeg"
    answer = anna.get(f"/file/{offered}")
    assert answer.content == b"tiff"
    assert answer.headers["content-disposition"] == 'attachment; filename="result.tif"'
    assert answer.headers["cache-control"] == "no-store"
    for path in (f"/picture/{token}", f"/file/{offered}"):
        assert ben.get(path).status_code == 404
    file.unlink()
    assert anna.get(f"/file/{offered}").status_code == 404


def test_every_wish_is_the_page_s_alone(someone):
    config = someone().get("/config").json()
    assert config["dependencies"]
    shown = {d["id"]: d["api_visibility"] for d in config["dependencies"] if d["targets"][0][1] != "unload"}
    assert set(shown.values()) == {"private"}
    # What does not queue is asked at an address that the gate does not know.
    assert all(d["queue"] for d in config["dependencies"] if d["backend_fn"] and d["targets"][0][1] != "unload")
    assert not config["analytics_enabled"]
    assert "passwd" not in json.dumps(config)


def test_the_terminal_hears_of_no_library_that_serves():
    modules = ("gradio.queueing", "starlette.exceptions", "pandas", "photostyle.web.server", "pandas_of_mine")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with _libraries_unheard():
            for module in modules:
                warnings.warn_explicit(f"of {module}", FutureWarning, "there.py", 1, module)
    assert [str(each.message) for each in heard] == ["of photostyle.web.server", "of pandas_of_mine"]
