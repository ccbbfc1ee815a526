"""The program's frame: help, versions, usage errors, list, show, doctor."""
import json
import unittest

import support

COMMANDS = ["rerank", "train", "mine", "label", "show", "merge", "quantize", "generate", "tokenize", "logits", "list", "doctor"]


class Basics(support.Case):
    def test_version_and_help(self):
        self.assertRegex(self.ok("--version").stdout, r"^dear \d+\.\d+\.\d+\n$")
        overview = self.ok("--help").stdout
        for command in COMMANDS:
            self.assertIn(command, overview)
            text = self.ok(command, "--help").stdout
            self.assertIn("Examples:", text)
            self.assertIn(f"dear {command}", text)
            self.assertIn("--quiet", text)

    def test_wrong_usage_is_2(self):
        self.fails(2, "no-such", saying="unknown command 'no-such'")
        self.fails(2, "rerank", "--no-such-flag", "-q", "a", saying="--no-such-flag")
        self.fails(2, "rerank", "-q", "a", "--decoding", "beam", saying="--decoding")
        self.fails(2, "rerank", "-q", "a", "--device", "cuda", saying="--device")
        self.fails(2, "rerank", "-q", "a", "--no-such-flag", "x", saying="--no-such-flag")
        self.fails(2, "rerank", "--jobs", "x", "-q", "a", saying="--jobs")
        self.fails(2, "logits", saying="--ids")
        self.fails(2, "generate", saying="--text")
        self.fails(2, "quantize", "--to", "q9", "out", saying="--to")
        self.assertEqual(support.dear().returncode, 2)

    def test_no_such_model(self):
        self.fails(1, "show", "no/such-model", saying="no/such-model")
        self.fails(1, "generate", "-m", self.folder / "absent.gguf", "--text", "a", saying="absent.gguf")
        (self.folder / "broken.gguf").write_bytes(b"GGUF\x03\x00\x00\x00")
        self.fails(1, "show", self.folder / "broken.gguf", saying="broken.gguf")

    def test_environment_stands_in_for_flags(self):
        model = support.copy_model("llama", self.folder)
        done = self.ok("tokenize", stdin="abc\n", env={"DEAR_MODEL": str(model)})
        self.assertEqual(done.stdout, "[0, 2, 3, 4]\n")

    def test_list(self):
        facts = json.loads(self.ok("list", "--json").stdout)
        self.assertIn("smollm2-135m-instruct", [m["name"] for m in facts["shipped"]])
        recipes = json.loads(self.ok("list", "--recipes", "--json").stdout)["recipes"]
        names = {r["name"] for r in recipes}
        self.assertLessEqual({"dear-card", "dear-repo", "dear-pointwise-card", "query-likelihood"}, names)
        self.assertIn("dear-card", self.ok("list", "--recipes").stdout)

    def test_list_names_models_in_the_hub_cache(self):
        snapshot = self.folder / "models--org--name" / "snapshots" / "abc"
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text("{}")
        (self.folder / "models--org--name" / "refs").mkdir()
        (self.folder / "models--org--name" / "refs" / "main").write_text("abc")
        done = self.ok("list", "--json", env={"HF_HUB_CACHE": str(self.folder)})
        cached = json.loads(done.stdout)["cached"]
        self.assertEqual([(m["name"], m["kind"]) for m in cached], [("org/name", "model")])

    def test_doctor(self):
        report = json.loads(self.ok("doctor", "--json").stdout)
        checks = {c["check"]: c for c in report["checks"]}
        for name in ("cpu", "instructions", "threads", "memory", "model cache", "hub cache", "packed weights"):
            self.assertIn(checks[name]["status"], ("ok", "warn"))
        missing = self.ok("doctor", env={"XDG_CACHE_HOME": str(self.folder)}).stdout
        self.assertRegex(missing, r"warn +smollm2-135m-instruct")
        wrong = self.folder / "dear" / "models"
        wrong.mkdir(parents=True)
        (wrong / support.SMOLLM2.name).write_bytes(b"not it")
        self.assertRegex(self.ok("doctor", env={"XDG_CACHE_HOME": str(self.folder)}).stdout,
                         r"warn +smollm2-135m-instruct .*bytes, expected")

    def test_show_names_what_is_wrong_with_a_recipe(self):
        model = support.copy_model("llama", self.folder)
        for text, words in (("recipe: nosuch\n", "there is none of this name"), ("kind: listwise\nextra: 1\n", "dear.yaml:")):
            (model / "dear.yaml").write_text(text)
            self.fails(1, "show", model, saying=words)
            self.fails(1, "show", model, "--json", saying=words)
        # That none fits is no fault of the files.
        classifier = json.loads(self.ok("show", support.GOLDEN / "bases" / "llama_classifier_3", "--json").stdout)
        self.assertIsNone(classifier["recipe"])
        self.assertIn("3 labels", classifier["recipe_why"])

    def test_show(self):
        model = support.copy_model("llama", self.folder)
        facts = json.loads(self.ok("show", model, "--json", "--tensors").stdout)
        self.assertEqual(facts["kind"], "model")
        self.assertEqual(facts["family"], "llama")
        self.assertEqual(facts["recipe"], "query-likelihood")
        self.assertEqual(len(facts["tensor_list"]), facts["tensors"])
        adapter = json.loads(self.ok("show", support.GOLDEN / "adapters" / "lora_qv", "--json").stdout)
        self.assertEqual(adapter["kind"], "adapter")
        self.assertEqual(adapter["adapters"][0]["name"], "lora_qv")
        self.assertEqual(adapter["recipe"], "dear-card")
        classifier = json.loads(self.ok("show", support.GOLDEN / "bases" / "llama_classifier_1", "--json").stdout)
        self.assertEqual(classifier["recipe"], "dear-pointwise-card")
        self.assertIn("recipe", self.ok("show", model).stdout)
        gguf = json.loads(self.ok("show", support.GOLDEN / "bases" / "gguf_qwen2.gguf", "--json").stdout)
        self.assertEqual(gguf["container"], "gguf")


if __name__ == "__main__":
    unittest.main()
