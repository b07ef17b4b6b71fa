"""Policies of the hub: fetched by the hub's own library from a stand-in on this machine, which has its layout."""

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from locomotion.errors import UsageError
from locomotion.policies.hub import repository_of
from locomotion.policies.shipped import FOLDER
from locomotion.policies.stored import StoredPolicy

pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")

COMMIT = "a" * 40


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers as the hub does for repositories that are folders, USER/NAME, below `root`."""

    root: Path

    def do_GET(self):
        self.answer(with_content=True)

    def do_HEAD(self):
        self.answer(with_content=False)

    def answer(self, with_content):
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            folder = self.root.joinpath(*parts[2:4])
            if not folder.is_dir():
                return self.give(404, b"{}", with_content, {"X-Error-Code": "RepoNotFound"})
            files = sorted(folder.iterdir())
            value = {"_id": "1", "id": "/".join(parts[2:4]), "sha": COMMIT, "siblings": []}
            if "tree" in parts:
                value = [
                    {"type": "file", "path": one.name, "size": one.stat().st_size, "oid": tag(one)} for one in files
                ]
            return self.give(200, json.dumps(value).encode(), with_content, {"Content-Type": "application/json"})
        file = self.root / parts[0] / parts[1] / parts[-1]
        if parts[2:3] != ["resolve"] or not file.is_file():
            return self.give(404, b"", with_content, {})
        return self.give(200, file.read_bytes(), with_content, {"ETag": f'"{tag(file)}"', "X-Repo-Commit": COMMIT})

    def give(self, code, content, with_content, headers):
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def log_message(self, *_):
        pass


def tag(file):
    return hashlib.sha1(file.read_bytes()).hexdigest()


@pytest.fixture
def hub(tmp_path):
    """The folder of the stand-in's repositories, and the environment of a process that takes it for the hub."""
    root = tmp_path / "hub"
    root.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Hub,), {"root": root}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    yield (
        root,
        os.environ | {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path)},
    )
    server.shutdown()
    server.server_close()


FETCH = """
import json, sys
from locomotion.errors import UsageError
from locomotion.policies.stored import StoredPolicy
for name in sys.argv[1:]:
    try:
        stored = StoredPolicy.find(name)
        files = sorted(one.name for one in stored.folder.glob("[!.]*"))
        print(json.dumps([stored.card.env, len(stored.weights), files]))
    except UsageError as error:
        print(json.dumps(str(error)))
"""


def test_a_policy_is_fetched_without_what_could_run(hub):
    root, environment = hub
    shutil.copytree(FOLDER / "Hopper", root / "user" / "hopper")
    (root / "user" / "hopper" / "evil.py").write_text("raise SystemExit")
    (root / "user" / "empty").mkdir()
    (root / "user" / "empty" / "README.md").write_text("nothing")
    names = ["hub:user/hopper", "hub:user/none", "hub:user/empty"]
    done = subprocess.run(
        [sys.executable, "-c", FETCH, *names], env=environment, capture_output=True, text=True, timeout=60
    )
    found, missing, empty = map(json.loads, done.stdout.splitlines())
    here = StoredPolicy.find("Hopper")
    assert found == ["Hopper-v5", len(here.weights), ["SHA256SUMS", "policy.json", "policy.safetensors"]]
    assert missing == "the hub has no user/none, or none that this machine's login may read"
    assert empty == "hub:user/empty is no policy of this package: it lacks policy.json or policy.safetensors"


@pytest.mark.parametrize("name", ["hub:", "hub:user", "hub:../user", "hub:user/../x", "hub:a/b/c", "hub:-a/b", "a b/c"])
def test_names_that_are_none_are_refused(name):
    with pytest.raises(UsageError, match="a policy on the hub is called USER/NAME"):
        repository_of(name)
