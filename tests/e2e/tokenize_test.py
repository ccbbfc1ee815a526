"""dear tokenize: lines in, lines out."""
import json
import subprocess
import unittest

import support


class Tokenize(support.Case):
    def setUp(self):
        super().setUp()
        support.tiny_tokenizer(self.folder)

    def tokenize(self, stdin, *flags):
        return self.ok("tokenize", "-m", self.folder, *flags, stdin=stdin).stdout.splitlines()

    def test_lines(self):
        self.assertEqual(self.tokenize("ab\n\nth a"), ["[0, 2, 3]", "[0]", "[0, 47, 48]"])
        self.assertEqual(self.tokenize("ab\n", "--no-special"), ["[2, 3]"])
        self.assertEqual(self.tokenize(""), [])

    def test_a_file_of_its_own(self):
        done = self.ok("tokenize", "-m", self.folder / "tokenizer.json", stdin="ab")
        self.assertEqual(done.stdout, "[0, 2, 3]\n")

    def test_json_lines_hold_newlines(self):
        self.assertEqual(self.tokenize('"a\\nb"\n', "--json-lines"), ["[0, 2, 46, 3]"])
        self.fails(1, "tokenize", "-m", self.folder, "--json-lines", stdin="3\n", saying="line 1")

    def test_pairs(self):
        self.assertEqual(self.tokenize("a\tb\n", "--pair"), ["[0, 2, 0, 3]"])
        self.assertEqual(self.tokenize('["a", "b"]\n', "--pair", "--json-lines"), ["[0, 2, 0, 3]"])
        self.fails(1, "tokenize", "-m", self.folder, "--pair", stdin="no tab\n", saying="tab")

    def test_offsets(self):
        answer = json.loads(self.tokenize("th b\n", "--json")[0])
        self.assertEqual(answer["ids"], [0, 47, 45, 3])
        self.assertEqual(answer["tokens"], ["<s>", "th", "Ġ", "b"])
        self.assertEqual(answer["offsets"], [[0, 0], [0, 2], [2, 3], [3, 4]])

    def test_decode(self):
        self.assertEqual(self.tokenize("[0, 47, 45, 3]\n", "--decode"), ["<s>th b"])
        self.assertEqual(self.tokenize("[0, 47, 45, 3]\n", "--decode", "--no-special"), ["th b"])
        self.assertEqual(self.tokenize("[2, 46, 3]\n", "--decode", "--json-lines"), ['"a\\nb"'])
        self.fails(1, "tokenize", "-m", self.folder, "--decode", stdin="[1000]\n", saying="1000")

    def test_answers_line_by_line(self):
        with subprocess.Popen([support.BINARY, "tokenize", "-m", str(self.folder)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, bufsize=0) as process:
            for text, ids in ((b"a\n", b"[0, 2]\n"), (b"b\n", b"[0, 3]\n")):
                process.stdin.write(text)
                self.assertEqual(process.stdout.readline(), ids)
            process.stdin.close()
            self.assertEqual(process.wait(30), 0)

    def test_bytes_that_are_no_utf8(self):
        self.assertEqual(len(self.ok("tokenize", "-m", self.folder, stdin=b"a\xff\xfeb\n").stdout.splitlines()), 1)

    def test_a_reader_that_goes_away(self):
        with subprocess.Popen([support.BINARY, "tokenize", "-m", str(self.folder)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            try:
                process.stdin.write(b"abc\n" * 200000)
                process.stdin.close()
            except BrokenPipeError:
                pass
            error = process.stderr.read()
            self.assertEqual(process.wait(30), 1)
            self.assertIn(b"closed the pipe", error)

    @unittest.skipUnless(support.SMOLLM2.exists(), "the default model is not fetched")
    def test_the_default_model(self):
        self.assertEqual(self.ok("tokenize", stdin="Hello world\n").stdout, "[19556, 905]\n")


if __name__ == "__main__":
    unittest.main()
