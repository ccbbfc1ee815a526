"""Packed weights kept from one start to the next: the same answers, whatever happens to the files."""
import json
import os
import resource
import shutil
import signal
import subprocess
import time
import unittest

import support

NOTE = "dear: note: packed weights"


@unittest.skipUnless(support.SMOLLM2.exists(), "the default model is not fetched")
class PackedCache(support.Case):
    def setUp(self):
        super().setUp()
        self.model = support.SMOLLM2
        self.cache = self.folder / "dear" / "packed"
        # An empty variable is as none: the default limit.
        self.env = {"XDG_CACHE_HOME": str(self.folder), "DEAR_PACKED_CACHE": ""}

    def arguments(self, compute="fast", *flags):
        passages = [flag for passage in support.PASSAGES for flag in ("-d", passage)]
        return ["rerank", "-m", self.model, "--compute", compute, "-q", support.QUERY, *passages, "--format", "json", *flags]

    def scores(self, compute="fast", *flags, env=None):
        done = self.ok(*self.arguments(compute, *flags), env=self.env | (env or {}))
        return json.loads(done.stdout)["results"], done.stderr

    def files(self, pattern="*.packed"):
        return sorted(self.cache.glob(pattern))

    def popen(self, compute="fast"):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DEAR_")} | self.env
        return subprocess.Popen([support.BINARY, *map(str, self.arguments(compute))], env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def test_the_second_start_maps_what_the_first_packed(self):
        for number, compute in enumerate(("fast", "int8"), 1):
            with self.subTest(compute):
                exact, _ = self.scores(compute, "--packed-cache", "off")
                self.assertEqual(len(self.files()), number - 1)
                first, said = self.scores(compute, "-v")
                self.assertIn(f"{NOTE}: kept in {self.cache}", said)
                second, said = self.scores(compute, "-v")
                self.assertIn(f"{NOTE}: mapped from {self.cache}", said)
                self.assertEqual((first, second), (exact, exact))
                self.assertNotIn(NOTE, self.scores(compute)[1])
                self.assertEqual(len(self.files()), number)
        size = sum(file.stat().st_size for file in self.files())
        detail = next(c["detail"] for c in json.loads(self.ok("doctor", "--json", env=self.env).stdout)["checks"]
                      if c["check"] == "packed weights")
        self.assertIn(str(self.cache), detail)
        self.assertIn(f"{size / 1e6:.0f} MB of at most 21.5 GB", detail)
        # The smaller of the two fits, the other one goes.
        limit = min(file.stat().st_size for file in self.files()) + 100_000
        self.scores("fast", "--packed-cache", limit)
        self.assertLessEqual(sum(file.stat().st_size for file in self.files()), limit)

    def test_reference_compute_and_off_keep_nothing(self):
        self.scores("reference")
        self.scores("fast", env={"DEAR_PACKED_CACHE": "off"})
        self.scores("fast", env={"DEAR_PACKED_CACHE": "0"})
        self.assertFalse(self.cache.exists())
        self.assertIn("switched off", self.ok("doctor", env=self.env | {"DEAR_PACKED_CACHE": "off"}).stdout)
        self.fails(2, "doctor", env=self.env | {"DEAR_PACKED_CACHE": "x"}, saying="--packed-cache: is 'x', but must be a size")
        self.fails(2, *self.arguments("fast", "--packed-cache", "much"), saying="--packed-cache")

    def test_a_model_that_is_rewritten_in_place_is_packed_anew(self):
        self.model = self.folder / "model.gguf"
        shutil.copyfile(support.SMOLLM2, self.model)
        self.assertIn("has just been changed", self.scores("int8", "-v")[1])
        self.assertEqual(self.files(), [])
        time.sleep(2.5)
        before, _ = self.scores("int8")
        self.assertIn("mapped from", self.scores("int8", "-v")[1])
        stat = self.model.stat()
        with open(self.model, "r+b") as file:
            file.seek(stat.st_size // 2)
            block = bytearray(file.read(18 * 4000))
            for i in range(0, len(block), 7):
                block[i] ^= 1
            file.seek(stat.st_size // 2)
            file.write(block)
        os.utime(self.model, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        self.assertEqual(self.model.stat().st_size, stat.st_size)
        expected, _ = self.scores("int8", "--packed-cache", "off")
        self.assertNotEqual(expected, before)
        self.assertEqual(self.scores("int8")[0], expected)

    def test_two_at_once(self):
        expected, _ = self.scores("int8", "--packed-cache", "off")
        running = [self.popen("int8") for _ in range(2)]
        for process in running:
            out, said = process.communicate(timeout=300)
            self.assertEqual(process.returncode, 0, said)
            self.assertNotIn(NOTE, said.decode())
            self.assertEqual(json.loads(out)["results"], expected)
        self.assertEqual(len(self.files("*")), 1)
        self.assertIn("mapped from", self.scores("int8", "-v")[1])

    def test_killed_while_writing(self):
        for _ in range(10):
            process = self.popen("int8")
            while process.poll() is None and not self.files("*.packed.*"):
                time.sleep(0.0005)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if not self.files():
                break
            shutil.rmtree(self.cache)  # it was done before it was killed
        left, = self.files("*")
        self.assertIn("kept in", self.scores("int8", "-v")[1])
        self.assertTrue(left.exists())  # as far as anyone knows it is still being written
        os.utime(left, (time.time() - 7200,) * 2)
        self.assertIn("mapped from", self.scores("int8", "-v")[1])
        self.assertFalse(left.exists())

    def test_broken_files_are_made_anew(self):
        expected, _ = self.scores("int8")
        file, = self.files()
        whole = file.read_bytes()
        middle = len(whole) // 2
        for broken in (b"", b"rubbish", whole[:middle], whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:]):
            file.unlink()
            file.write_bytes(broken)
            results, said = self.scores("int8", "-v")
            self.assertEqual(results, expected)
            self.assertEqual(said.count("it is made anew"), 1, said)
            self.assertEqual(file.read_bytes(), whole)

    def test_what_cannot_be_kept_costs_one_note(self):
        expected, _ = self.scores("int8", "--packed-cache", "off")
        # As on a full disk: no file grows beyond a megabyte.
        def full():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DEAR_")} | self.env
        done = subprocess.run([support.BINARY, *map(str, self.arguments("int8"))], env=environment, capture_output=True,
                              preexec_fn=full, timeout=300, check=True)
        self.assertEqual(json.loads(done.stdout)["results"], expected)
        self.assertEqual(done.stderr.decode().count(f"{NOTE} are not kept for the next start"), 1, done.stderr)
        self.assertEqual(self.files("*"), [])
        self.cache.rmdir()
        self.cache.write_text("no folder")
        results, said = self.scores("int8")
        self.assertEqual(results, expected)
        self.assertEqual(said.count(f"{NOTE} are not kept for the next start"), 1, said)
        self.assertNotIn(NOTE, self.scores("int8", "--quiet")[1])


if __name__ == "__main__":
    unittest.main()
