#!/usr/bin/python3
"""Tests of fetch_data, from files in place of servers, of make_image_folder and of try_imagenet_networks.

    data_test.py PRECSIM"""

import functools
import hashlib
import http.server
import importlib.machinery
import importlib.util
import io
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRECSIM = sys.argv.pop()
sys.dont_write_bytecode = True


def load(name: str):
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / "scripts" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.modules[name] = module
    loader.exec_module(module)
    return module


fetch_data = load("fetch_data")


class InFolder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.source, self.target = Path(temporary.name, "source"), Path(temporary.name, "target")
        self.source.mkdir()

    def offer(self, name: str, content: bytes):
        (self.source / name).write_bytes(content)
        return fetch_data.File(name, len(content), hashlib.sha256(content).hexdigest())

    def fetch(self, data_set, address: str | None = None):
        fetch_data.fetch_set(data_set, self.target, address or self.source.as_uri())

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.target)) for path in self.target.rglob("*") if path.is_file())


class Files(InFolder):
    def test_checked_files_get_their_names(self):
        files = (self.offer("a.gz", b"first"), self.offer("b.gz", b"second" * 1000))
        self.fetch(fetch_data.DataSet((), files))
        self.assertEqual(self.names(), ["a.gz", "b.gz"])
        (self.source / "a.gz").unlink()
        self.fetch(fetch_data.DataSet((), files))  # is there already

    def test_other_content_is_refused_and_removed(self):
        file = self.offer("a.gz", b"first")
        for content in (b"other", b"much longer than it should be"):
            (self.source / "a.gz").write_bytes(content)
            with self.assertRaisesRegex(fetch_data.Failure, "a.gz.*another file"):
                self.fetch(fetch_data.DataSet((), (file,)))
            self.assertEqual(self.names(), [])

    def test_the_next_address_is_tried(self):
        file = self.offer("a.gz", b"first")
        missing = (self.source / "missing").as_uri()
        fetch_data.fetch_set(fetch_data.DataSet((missing, self.source.as_uri()), (file,)), self.target, None)
        self.assertEqual(self.names(), ["a.gz"])
        (self.target / "a.gz").unlink()
        with self.assertRaisesRegex(fetch_data.Failure, "missing/a.gz"):
            fetch_data.fetch_set(fetch_data.DataSet((missing,), (file,)), self.target, None)

    def test_a_cut_download_goes_on(self):
        asked = []

        class Server(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.headers.get("Range"))
                content = Path(self.directory, self.path[1:]).read_bytes()
                first = int(asked[-1][6:-1]) if asked[-1] else 0
                self.send_response(206 if first else 200)
                self.send_header("Content-Length", str(len(content) - first))
                self.end_headers()
                self.wfile.write(content[first:])

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), functools.partial(Server, directory=str(self.source)))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            file = self.offer("a.gz", bytes(range(256)) * 100)
            self.target.mkdir()
            (self.target / "a.gz.partial").write_bytes((self.source / "a.gz").read_bytes()[:1000])
            self.fetch(fetch_data.DataSet((), (file,)), f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        self.assertEqual(asked, ["bytes=1000-"])
        self.assertEqual(self.names(), ["a.gz"])


class Archives(InFolder):
    def archive(self, members: dict[str, bytes]):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz") as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return self.offer("set.tar.gz", data.getvalue())

    def data_set(self, members: dict[str, bytes]):
        return fetch_data.DataSet((), (self.archive(members),), "set", (("one.bin", 3), ("two.bin", 4)))

    def test_only_the_named_members_are_written(self):
        self.fetch(self.data_set({"set/one.bin": b"one", "set/two.bin": b"twoo", "../escaped": b"x", "/abs": b"y",
                                  "set/more.html": b"z"}))
        self.assertEqual(self.names(), ["set/one.bin", "set/two.bin"])
        self.assertFalse((self.target.parent / "escaped").exists())
        (self.source / "set.tar.gz").unlink()
        self.fetch(self.data_set({}))  # is there already

    def test_missing_and_wrong_members_leave_no_set(self):
        for members in ({"set/one.bin": b"one"}, {"set/one.bin": b"one", "set/two.bin": b"too long"}):
            with self.assertRaisesRegex(fetch_data.Failure, "two.bin"):
                self.fetch(self.data_set(members))
            self.assertFalse((self.target / "set").exists())


class Commands(InFolder):
    def test_the_command_tells_what_failed(self):
        run = subprocess.run([sys.executable, str(ROOT / "scripts/fetch_data"), "mnist", "--to", str(self.target),
                              "--from", self.source.as_uri()], capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 1)
        self.assertIn("train-images-idx3-ubyte.gz cannot be had", run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), 1)

    def test_a_made_folder_can_be_trained_on(self):
        subprocess.run([sys.executable, str(ROOT / "scripts/make_image_folder"), str(self.target), "--size", "20",
                        "--train", "4", "--val", "2"], check=True, timeout=60)
        self.assertEqual(len(self.names()), 4 * (4 + 2))
        settings = {"data.name": "imagefolder", "data.path": self.target, "data.image_size": 16, "model.name": "mlp",
                    "train.batch": 4, "train.epochs": 1, "data.corrupt": "skip"}
        command = [PRECSIM, "train", "--quiet", "--threads", "1"]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stderr, "")
        damaged = sorted(self.target.glob("train/*/*.png"))[0]
        damaged.write_bytes(damaged.read_bytes()[:100])
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("an image cannot be decoded", run.stderr)
        self.assertIn(f"{damaged.parent.name}/{damaged.name}", run.stderr)
        run = subprocess.run(command[:-1] + ["data.corrupt=fail"], capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, 2)
        self.assertIn(str(damaged), run.stderr)


class Networks(unittest.TestCase):
    def try_networks(self, program: str, *more) -> subprocess.CompletedProcess:
        command = [sys.executable, str(ROOT / "scripts/try_imagenet_networks"), "--model", "googlenet_v1", "--plan",
                   "dfp16_paper", "--image-size", "80", "--program", program, *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=600)

    def test_a_network_is_tried_and_a_row_printed(self):
        tried = self.try_networks(PRECSIM)
        self.assertEqual(tried.returncode, 0, tried.stderr)
        row = [cell.strip() for cell in tried.stdout.splitlines()[2].split("|")[1:-1]]
        self.assertEqual((row[:4], row[-1]), (["googlenet_v1", "dfp16_paper", "2", "80"], "clean"))

    def test_a_program_that_fails_is_told(self):
        tried = self.try_networks("/bin/false")
        self.assertEqual((tried.returncode, tried.stdout), (1, ""))
        self.assertIn("googlenet_v1 under dfp16_paper: exit status 1", tried.stderr)

    def test_wrong_requests_are_refused(self):
        for program, more, says in (("/absent", (), "/absent is no program"), (PRECSIM, ("--batch", "1001"), "1001"),
                                    (PRECSIM, ("--batch", "0"), "--batch"), (PRECSIM, ("--model", "lenet5"), "lenet5")):
            refused = self.try_networks(program, *more)
            self.assertEqual((refused.returncode, refused.stdout), (2, ""))
            self.assertIn(says, refused.stderr)


if __name__ == "__main__":
    unittest.main()
