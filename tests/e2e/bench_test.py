"""dear bench: the speed of a model beside what the machine could do."""
import json
import mmap
import unittest

import support


class Bench(support.Case):
    def setUp(self):
        super().setUp()
        self.model = support.copy_model("llama", self.folder)

    def test_a_table_for_people_and_json_for_machines(self):
        works = "prefill16,verify4,decode3,pointwise3x8,listwise1"
        arguments = ["bench", "-m", self.model, "--work", works, "--repeat", "2", "--threads", "1"]
        table = self.ok(*arguments).stdout
        for word in works.split(","):
            self.assertIn(word, table)
        self.assertIn("of the floor", table)
        for compute in ("reference", "fast", "int8"):
            report = json.loads(self.ok(*arguments, "--compute", compute, "--json").stdout)
            self.assertEqual(report["compute"], compute)
            self.assertEqual(report["threads"], 1)
            self.assertEqual([work["work"] for work in report["results"]], works.split(","))
            self.assertEqual([work["tokens"] for work in report["results"]], [16, 4, 3, 24, 239])
            self.assertGreater(report["peak_memory_bytes"], 1 << 20)
            self.assertIn(report["isa"], ("scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16", "amx"))
            self.assertEqual(set(report["floor"]), {"f32_tflops", "bf16_tflops", "int8_tops", "memory_gbps"})
            self.assertGreater(report["floor"]["memory_gbps"], 0)
            for work in report["results"]:
                self.assertLessEqual(work["fastest_s"], work["median_s"])
                self.assertLessEqual(work["median_s"], work["slowest_s"])
                self.assertGreaterEqual(work["spread"], 0)
                self.assertGreater(work["tokens_per_second"], 0)
                if report["floor"]["f32_tflops"]:
                    self.assertLess(work["fraction_of_floor"], 1.05, work)
                    self.assertIn(work["bound_by"], ("memory", "arithmetic"))

    def test_shapes_of_random_weights(self):
        for form, held in (("auto", "bf16"), ("q4", "q4_0"), ("nf4", "nf4")):
            arguments = ["bench", "--shape", "135m", "--dtype", form, "--work", "prefill4", "--repeat", "1", "--json"]
            report = json.loads(self.ok(*arguments).stdout)
            self.assertEqual(report["model"], "135m (random weights)")
            self.assertEqual(report["weights"], held)

    def test_through_an_adapter(self):
        arguments = ["bench", "-m", self.model, "--adapter", f"x={support.GOLDEN / 'adapters' / 'lora_all_linear'}",
                     "--work", "prefill8", "--repeat", "1", "--json"]
        through = json.loads(self.ok(*arguments).stdout)
        self.assertTrue(through["model"].endswith(" through x"))
        base = json.loads(self.ok(*arguments, "--use", "base").stdout)
        self.assertGreater(through["results"][0]["flop"], base["results"][0]["flop"])

    def test_loading_is_timed_to_the_first_token(self):
        arguments = ["bench", "-m", self.model, "--adapter", f"x={support.GOLDEN / 'adapters' / 'lora_all_linear'}",
                     "--work", "load,prefill4,loadcold", "--repeat", "2", "--threads", "1"]
        for compute in ("reference", "int8"):
            report = json.loads(self.ok(*arguments, "--compute", compute, "--json").stdout)
            warm, prefill, cold = report["results"]
            self.assertNotIn("opened_s", prefill)
            for work in (warm, cold):
                self.assertEqual(work["tokens"], 1)
                self.assertGreater(work["opened_s"], 0)
                self.assertLess(work["opened_s"], work["slowest_s"])
            self.assertNotIn("kept_bytes", warm)
            if report["floor"]["f32_tflops"]:
                self.assertLess(warm["fraction_of_floor"], 1.05, warm)
                self.assertIn(warm["bound_by"], ("memory", "arithmetic"))
            self.assertLessEqual(cold["kept_bytes"] + cold["read_bytes"], cold["file_bytes"])
            self.assertGreater(cold["file_bytes"], sum(f.stat().st_size for f in self.model.iterdir()))
            self.assertIn("the kernel", cold["note"])
        table = self.ok(*arguments).stdout
        self.assertIn("load: opened after", table)
        self.assertIn("loadcold: opened after", table)

    def test_pages_that_stay_are_no_cold_start(self):
        with open(self.model / "model.safetensors", "rb") as file, \
                mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as held:
            self.assertTrue(any(held[::1024]))  # the kernel drops no page that a process has mapped and read
            arguments = ["bench", "-m", self.model, "--work", "loadcold", "--repeat", "1"]
            cold, = json.loads(self.ok(*arguments, "--json").stdout)["results"]
            self.assertGreaterEqual(cold["kept_bytes"], len(held))
            for key in ("fraction_of_floor", "floor_s", "bound_by"):
                self.assertIsNone(cold[key])
            self.assertIn("no cold start", cold["note"])
            table = self.ok(*arguments).stdout
        self.assertIn("no cold start", table)
        self.assertIn("unknown", table)

    def test_refuses_what_it_cannot_measure(self):
        self.fails(1, "bench", "-m", self.model, "--work", "prefill", saying="expected prefillN, verifyN")
        self.fails(1, "bench", "-m", self.model, "--work", "prefill9999999", saying="prefill9999999")
        self.fails(1, "bench", "-m", self.model, "--work", "load2", saying="work 'load2'")
        for work in ("load", "loadcold"):
            self.fails(1, "bench", "--shape", "135m", "--work", work, saying=f"work '{work}': needs a model on disk")
        self.fails(2, "bench", "--shape", "7b", saying="llama-8b")
        self.fails(2, "bench", "--shape", "135m", "-m", self.model, saying="xcludes")


if __name__ == "__main__":
    unittest.main()
