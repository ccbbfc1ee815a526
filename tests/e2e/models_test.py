"""dear logits, generate, merge and quantize on tiny models."""
import json
import unittest

import support

# Of the largest logit: the bound that parity with transformers is held to.
TOLERANCE = 2e-5
IDS = "[5, 9, 20, 33, 4, 60, 17]"
MERGED = ["lora_qv", "lora_rslora", "lora_patterns", "lora_bias", "lora_dora", "lora_embed", "lora_lm_head",
          "lora_save_embed", "lora_save_norms", "lora_resized", "lora_embed_tied", "lora_gemma", "lora_qwen2",
          "lora_fan_in_fan_out", "lora_classifier"]


class Models(support.Case):
    def logits(self, *arguments):
        done = self.ok("logits", *arguments, "--ids", "-", "--all", "-o", "-", stdin=IDS, binary=True)
        return support.read_npy(done.stdout)

    def assert_same(self, one, other, tolerance):
        self.assertEqual(one[0], other[0])
        largest = max(abs(x) for x in one[1])
        self.assertLessEqual(max(abs(a - b) for a, b in zip(one[1], other[1])), tolerance * largest)

    def test_logits_of_a_file_of_ids(self):
        model = support.GOLDEN / "bases" / "llama"
        (self.folder / "ids.txt").write_text("5 9\n20, 33\t4 60 17\n")
        out = self.folder / "out.npy"
        self.ok("logits", "-m", model, "--ids", self.folder / "ids.txt", "--all", "-o", out)
        shape, numbers = support.read_npy(out.read_bytes())
        self.assertEqual(shape, (7, 131))
        self.assertEqual((shape, numbers), self.logits("-m", model))
        self.ok("logits", "-m", model, "--ids", self.folder / "ids.txt", "-o", out)
        self.assertEqual(support.read_npy(out.read_bytes()), ((1, 131), numbers[-131:]))
        top = json.loads(self.ok("logits", "-m", model, "--ids", "-", "--json", stdin=IDS).stdout)
        self.assertEqual(top[0]["id"], max(range(131), key=lambda i: numbers[-131:][i]))

    def test_logits_of_a_classifier(self):
        shape, _ = self.logits("-m", support.GOLDEN / "bases" / "llama_classifier_3")
        self.assertEqual(shape, (7, 3))

    def test_bad_ids(self):
        model = support.GOLDEN / "bases" / "llama"
        for ids, saying in (("5 x", "'x'"), ("[1, -2]", "-2"), ("", "none"), ("[1000]", "1000"), ("[1", "standard input")):
            self.fails(1, "logits", "-m", model, "--ids", "-", stdin=ids, saying=saying)

    def test_generate(self):
        model = support.copy_model("llama", self.folder)
        arguments = ["generate", "-m", model, "--text", "the cat", "--max-new-tokens", "12"]
        result = json.loads(self.ok(*arguments, "--json").stdout)
        self.assertEqual(result["usage"]["completion_tokens"], len(result["ids"]))
        self.assertIn(result["stop"], ("eos", "length"))
        self.assertEqual(self.ok(*arguments).stdout, result["text"] + "\n")
        self.assertEqual(json.loads(self.ok(*arguments, "--threads", "1", "--json").stdout)["ids"], result["ids"])
        sampled = [json.loads(self.ok(*arguments, "--json", "--temperature", "2", "--seed", s).stdout)["ids"] for s in (3, 3, 4)]
        self.assertEqual(sampled[0], sampled[1])
        self.assertNotEqual(sampled[0], sampled[2])
        self.fails(1, *arguments, "--top-p", "3", saying="top_p")
        self.fails(1, *arguments[:-4], "--text", "cat " * 9000, saying="context")

    def test_a_merged_model_is_the_model_with_its_adapter(self):
        for name in MERGED:
            with self.subTest(name):
                adapter = support.GOLDEN / "adapters" / name
                out = self.folder / name
                self.ok("merge", "-m", adapter, out)
                self.assert_same(self.logits("-m", adapter), self.logits("-m", out), TOLERANCE)

    def test_merge_into_gguf(self):
        base = support.copy_model("llama", self.folder)
        adapter = support.GOLDEN / "adapters" / "lora_qv"
        out = self.folder / "merged.gguf"
        self.ok("merge", "-m", adapter, "--base", base, out)
        self.assert_same(self.logits("-m", adapter, "--base", base), self.logits("-m", out), TOLERANCE)
        for text in ("the 12 cats", "a [1] > [2]"):
            self.assertEqual(self.ok("tokenize", "-m", out, stdin=text).stdout, self.ok("tokenize", "-m", base, stdin=text).stdout)
        self.fails(1, "merge", "-m", adapter, "--base", base, out, saying="already there")
        self.ok("merge", "-m", adapter, "--base", base, out, "--overwrite", "--to", "f16")
        self.fails(1, "merge", "-m", base, self.folder / "none", saying="no adapter")

    def test_merge_takes_the_tokenizer_along_and_replaces_only_models(self):
        base = support.copy_model("llama", self.folder)
        out = self.folder / "merged"
        arguments = ["merge", "-m", base, "--adapter", support.GOLDEN / "adapters" / "lora_qv", out]
        self.ok(*arguments)
        self.assertEqual((out / "tokenizer.json").read_bytes(), (base / "tokenizer.json").read_bytes())
        self.fails(1, *arguments, saying="already there")
        self.ok(*arguments, "--overwrite")
        (self.folder / "notes").mkdir()
        (self.folder / "notes" / "diary.txt").write_text("keep")
        self.fails(1, *arguments[:-1], self.folder / "notes", "--overwrite", saying="no model")
        self.assertEqual((self.folder / "notes" / "diary.txt").read_text(), "keep")

    def test_quantize_to_bitsandbytes(self):
        base = support.copy_model("llama_64_bf16", self.folder)
        for form, flags in (("nf4", []), ("fp4", []), ("nf4", ["--double-quant"]), ("int8", [])):
            with self.subTest(form=form, flags=flags):
                out = self.folder / "-".join([form, *flags])
                self.ok("quantize", "-m", base, "--to", form, *flags, out)
                config = json.loads((out / "config.json").read_text())["quantization_config"]
                self.assertEqual(config["quant_method"], "bitsandbytes")
                self.assertEqual(config["load_in_4bit"], form != "int8")
                # What bitsandbytes would make of the model while loading it.
                self.assert_same(self.logits("-m", base, "--dtype", form, *flags), self.logits("-m", out), 1e-6)

    def test_quantize_to_gguf(self):
        base = support.copy_model("llama_64_f32", self.folder)
        exact = self.logits("-m", base)
        for form, tolerance in (("f32", 1e-7), ("f16", 5e-3), ("q8_0", 5e-2), ("q5_1", .3), ("q4_0", .6)):
            with self.subTest(form):
                out = self.folder / f"{form}.gguf"
                self.ok("quantize", "-m", base, "--to", form, out)
                self.assert_same(exact, self.logits("-m", out), tolerance)
        self.fails(1, "quantize", "-m", base, "--to", "q4_0", self.folder / "folder", saying="q4_0")
        self.fails(1, "quantize", "-m", base, "--to", "nf4", self.folder / "a.gguf", saying="nf4")
        self.fails(1, "quantize", "-m", base, "--to", "f32", base, "--overwrite", saying="being read")

    @unittest.skipUnless(support.SMOLLM2.exists(), "the default model is not fetched")
    def test_the_default_model_in_other_layouts(self):
        texts = "Hello world\nThe 12  cats\n"
        expected = self.ok("tokenize", stdin=texts).stdout
        reference = self.ok("generate", "--text", "The light bulb was", "--max-new-tokens", "16").stdout
        out = self.folder / "folder"
        self.ok("quantize", "--to", "f32", out)
        self.assertEqual(self.ok("tokenize", "-m", out, stdin=texts).stdout, expected)
        self.assertEqual(self.ok("generate", "-m", out, "--text", "The light bulb was", "--max-new-tokens", "16").stdout, reference)
        self.ok("quantize", "-m", out, "--to", "q8_0", self.folder / "again.gguf")
        self.assertEqual(self.ok("tokenize", "-m", self.folder / "again.gguf", stdin=texts).stdout, expected)


if __name__ == "__main__":
    unittest.main()
