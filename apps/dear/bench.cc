// dear bench: how fast a model is on this machine, beside what the machine could do.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/bench_load.h"
#include "api/bench_work.h"
#include "base/error.h"
#include "command.h"
#include "formats/random_checkpoint.h"
#include "interrupt.h"
#include "json_output.h"
#include "kernels/backend.h"
#include "kernels/machine_peak.h"
#include "machine.h"
#include "model_flags.h"
#include "progress_bar.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {
namespace {

struct BenchOptions {
  ModelFlags model;
  std::string shape;
  std::vector<std::string> works = {"prefill512", "verify80", "decode", "pointwise8x228"};
  int repeat = 3;
  bool json = false;
};

struct Timing {
  BenchWork work;
  BenchCost cost;
  BenchFloor floor;
  double median = 0;
  double fastest = 0;
  double slowest = 0;
  std::optional<LoadTiming> load;  // of works that load

  double rate() const { return static_cast<double>(cost.tokens) / median; }
};

struct Report {
  std::string model;
  std::string form;  // of the first layer's weights
  uint64_t weight_bytes = 0;
  double load_seconds = 0;
  int threads = 0;
  std::string backend;
  MachinePeak peak;
  uint64_t peak_memory = 0;
  std::vector<Timing> timings;
};

// A model of random numbers, in the form that --dtype names: made so where a block of it can be,
// else made as bf16 and changed as a model from a file would be.
std::shared_ptr<const Model> RandomModel(const BenchOptions& options, LoadOptions how) {
  DType dtype = DType::kBF16;
  const WeightForm form = how.weights.form;
  if (form == WeightForm::kF32) dtype = DType::kF32;
  if (form == WeightForm::kQ4_0) dtype = DType::kQ4_0;
  if (form == WeightForm::kQ8_0) dtype = DType::kQ8_0;
  if (dtype != DType::kBF16 || form == WeightForm::kBF16) how.weights.form = WeightForm::kAuto;
  return Model::Load(RandomCheckpoint(options.shape, dtype), how);
}

// The most memory that the process held from now on; before, other measurements took theirs.
void ForgetPeakMemory() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void SetSeconds(const std::vector<double>& seconds, Timing& timing) {
  timing.median = Median(seconds);
  timing.fastest = std::ranges::min(seconds);
  timing.slowest = std::ranges::max(seconds);
}

Timing Time(const BenchWork& work, const BenchSubject& subject, const MachinePeak& peak,
            int repeat) {
  Timing timing{
      .work = work, .cost = CostOf(work, *subject.model, subject.adapter.get()), .floor = {}};
  timing.floor = FloorOf(timing.cost, peak, subject.model->compute());
  SetSeconds(TimeWork(work, subject, repeat, InterruptFunction()), timing);
  return timing;
}

Timing TimeLoading(const BenchWork& work, const BenchOptions& options, const MachinePeak& peak) {
  LoadRequest request = options.model.Request(/*quiet=*/true);
  request.needs_tokenizer = false;
  Timing timing{.work = work, .cost = {}, .floor = {}};
  timing.load = TimeLoad(work, request, options.model.use, options.repeat, InterruptFunction());
  timing.cost = timing.load->cost;
  timing.floor = FloorOfLoad(work, *timing.load, peak, request.options.compute);
  SetSeconds(timing.load->seconds, timing);
  return timing;
}

// The model that works compute with; what it is, and how long it took, go into the report.
BenchSubject MakeSubject(const BenchOptions& options, bool quiet, Report& report) {
  BenchSubject subject;
  if (options.shape.empty()) {
    const LoadedModel loaded = LoadWithProgress(options.model, quiet, /*needs_tokenizer=*/false);
    subject = {.model = loaded.model,
               .adapter = loaded.FindAdapter(options.model.use),
               .pool = loaded.pool};
    report.model = options.model.model;
    if (subject.adapter) report.model += " through " + subject.adapter->name();
    report.load_seconds = loaded.seconds;
  } else {
    ProgressBar bar(quiet);
    LoadOptions how = options.model.Request(quiet).options;
    subject.pool = std::make_shared<ThreadPool>(options.model.threads);
    how.pool = subject.pool;
    how.progress = bar.Function();
    const auto begin = std::chrono::steady_clock::now();
    subject.model = RandomModel(options, how);
    report.load_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    report.model = options.shape + " (random weights)";
  }
  report.form = subject.model->layers().front().q.weight->form();
  report.weight_bytes = subject.model->weight_bytes();
  report.threads = subject.pool->num_threads();
  report.backend = MakeCpuBackend(subject.pool)->name();
  return subject;
}

Report Measure(const BenchOptions& options, bool quiet) {
  std::vector<BenchWork> works;
  for (const std::string& name : options.works) {
    works.push_back(ParseBenchWork(name));
    if (works.back().loads() && !options.shape.empty())
      throw Error(ErrorCode::kInvalidArgument, "work '" + name + "'",
                  "needs a model on disk; weights of --shape are made, not loaded");
  }
  Report report;
  BenchSubject subject = MakeSubject(options, quiet, report);
  ProgressBar bar(quiet);
  bar.Show("measuring the machine", 0, 1);
  report.peak = MeasurePeak(*subject.pool);
  ForgetPeakMemory();
  for (size_t i = 0; i < works.size(); ++i) {
    if (Interrupted()) throw Error(ErrorCode::kCancelled, "bench", "stopped");
    if (works[i].loads()) {
      subject = {};  // pages that it has mapped would stay in the cache
    } else if (!subject.model) {
      subject = MakeSubject(options, quiet, report);
    }
    bar.Show(works[i].name, static_cast<int64_t>(i), static_cast<int64_t>(works.size()));
    report.timings.push_back(works[i].loads()
                                 ? TimeLoading(works[i], options, report.peak)
                                 : Time(works[i], subject, report.peak, options.repeat));
  }
  bar.Clear();
  report.peak_memory = ProcBytes("/proc/self/status", "VmHWM");
  return report;
}

std::string Number(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", decimals, value);
  return text;
}

// Three digits that mean something.
std::string Rounded(double value) {
  return Number(value, value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 4);
}

// How cold a cold start was; empty for other works.
std::string ColdNote(const Timing& timing) {
  if (timing.work.kind != BenchWork::Kind::kLoadCold) return "";
  const LoadTiming& load = *timing.load;
  const std::string files = HumanBytes(load.file_bytes);
  if (!load.is_cold())
    return "the kernel kept " + HumanBytes(load.kept_bytes) + " of the model's " + files +
           " in its cache (or does not show what it kept), so this is no cold start and has no "
           "floor";
  std::string note = "the kernel dropped " +
                     (load.kept_bytes == 0 ? "all" : "all but " + HumanBytes(load.kept_bytes)) +
                     " of the model's " + files + " before each run, which read " +
                     HumanBytes(load.read_bytes) + " again";
  if (load.disk_bytes_per_second > 0)
    return note + "; in order the disk gives " +
           HumanBytes(static_cast<uint64_t>(load.disk_bytes_per_second)) + "/s";
  return note + "; the disk's rate could not be measured, so there is no floor";
}

OrderedJson JsonOf(const BenchOptions& options, const Report& report) {
  // A rate that is not known here, or that no instruction gives, is null.
  const auto in = [](double value, double unit) {
    return value > 0 ? OrderedJson(value / unit) : OrderedJson(nullptr);
  };
  OrderedJson results = OrderedJson::array();
  for (const Timing& timing : report.timings) {
    const bool known = timing.floor.seconds > 0;
    OrderedJson row = {{"work", timing.work.name},
                       {"tokens", timing.cost.tokens},
                       {"tokens_per_second", timing.rate()},
                       {"fraction_of_floor", nullptr},
                       {"floor_s", nullptr},
                       {"bound_by", nullptr},
                       {"median_s", RoundSeconds(timing.median)},
                       {"fastest_s", RoundSeconds(timing.fastest)},
                       {"slowest_s", RoundSeconds(timing.slowest)},
                       {"spread", (timing.slowest - timing.fastest) / timing.median},
                       {"flop", timing.cost.flop},
                       {"bytes", timing.cost.bytes}};
    if (known) {
      row["fraction_of_floor"] = timing.floor.seconds / timing.median;
      row["floor_s"] = RoundSeconds(timing.floor.seconds);
      row["bound_by"] = timing.floor.bound_by;
    }
    if (timing.load) row["opened_s"] = RoundSeconds(Median(timing.load->seconds_opened));
    if (timing.work.kind == BenchWork::Kind::kLoadCold) {
      row["file_bytes"] = timing.load->file_bytes;
      row["kept_bytes"] = timing.load->kept_bytes;
      row["read_bytes"] = timing.load->read_bytes;
      row["disk_gbps"] = in(timing.load->disk_bytes_per_second, 1e9);
      row["note"] = ColdNote(timing);
    }
    results.push_back(std::move(row));
  }
  return {{"version", DEAR_VERSION},
          {"cpu", ProcessorName()},
          {"isa", report.backend.substr(report.backend.find('/') + 1)},
          {"threads", report.threads},
          {"model", report.model},
          {"weights", report.form},
          {"weight_bytes", report.weight_bytes},
          {"compute", options.model.compute},
          {"load_seconds", RoundSeconds(report.load_seconds)},
          {"peak_memory_bytes", report.peak_memory},
          {"floor",
           {{"f32_tflops", in(report.peak.f32_flops, 1e12)},
            {"bf16_tflops", in(report.peak.bf16_flops, 1e12)},
            {"int8_tops", in(report.peak.int8_ops, 1e12)},
            {"memory_gbps", in(report.peak.bytes_per_second, 1e9)}}},
          {"repeats", options.repeat},
          {"results", results}};
}

void PrintTable(const BenchOptions& options, const Report& report) {
  const auto giga = [](double value) { return Rounded(value / 1e9); };
  std::vector<std::vector<std::string>> facts = {
      {"model", report.model + ", " + report.form + ", " + HumanBytes(report.weight_bytes)},
      {"compute", options.model.compute + ", " + report.backend + ", " +
                      std::to_string(report.threads) + " threads"},
      {"loaded in", Rounded(report.load_seconds) + " s"},
      {"peak memory", HumanBytes(report.peak_memory)},
      {"machine", ProcessorName() + ": " + giga(report.peak.f32_flops) + " GFLOP/s f32, " +
                      (report.peak.bf16_flops > 0 ? giga(report.peak.bf16_flops) + " bf16, " : "") +
                      (report.peak.int8_ops > 0 ? giga(report.peak.int8_ops) + " int8, " : "") +
                      giga(report.peak.bytes_per_second) + " GB/s"}};
  Print(Columns(facts) + "\n");
  std::vector<std::vector<std::string>> rows = {
      {"work", "tokens", "seconds", "fastest", "slowest", "tokens/s", "of the floor"}};
  for (const Timing& timing : report.timings) {
    const std::string floor = timing.floor.seconds > 0
                                  ? Number(100 * timing.floor.seconds / timing.median, 0) +
                                        " % of " + Rounded(timing.floor.seconds) + " s (" +
                                        std::string(timing.floor.bound_by) + ")"
                                  : "unknown";
    rows.push_back({timing.work.name, std::to_string(timing.cost.tokens), Rounded(timing.median),
                    Rounded(timing.fastest), Rounded(timing.slowest), Rounded(timing.rate()),
                    floor});
  }
  Print(Columns(rows));
  for (const Timing& timing : report.timings) {
    if (!timing.load) continue;
    const std::string note = ColdNote(timing);
    Print("\n" + timing.work.name + ": opened after " +
          Rounded(Median(timing.load->seconds_opened)) + " s, the rest is the first token" +
          (note.empty() ? "" : "; " + note) + "\n");
  }
}

int Bench(const BenchOptions& options, bool quiet) {
  const Report report = Measure(options, quiet);
  if (options.json) {
    Print(Dump(JsonOf(options, report), 2) + "\n");
  } else {
    PrintTable(options, report);
  }
  return 0;
}

}  // namespace

void AddBench(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = AddCommand(
      app, globals, "bench", "Measures the speed of a model beside what this machine could do",
      "  dear bench\n"
      "  dear bench -m path/to/model --compute fast --work prefill512,decode\n"
      "  dear bench --shape llama-8b --dtype q4 --compute fast --json\n"
      "Works: prefillN (a prompt), verifyN (a drafted answer behind 512 tokens), decodeN (one by\n"
      "one behind 512), pointwiseBxT (B sequences of T), listwiseN (N passages and their order),\n"
      "load (from opening the files to the logits of a first token, the files being in the page\n"
      "cache) and loadcold (after the kernel was asked to drop them from it).\n"
      "The floor is the time that products and sums take at the peak of arithmetic, or weights at\n"
      "the peak of memory, whichever is longer; both peaks are measured first. Of loadcold it is\n"
      "also what was read at the rate at which the disk gives files in order. A run whose outputs\n"
      "differ from the first is an error. Leave the machine alone while it measures.");
  options->model.Declare(*command);
  std::vector<std::string> shapes;
  for (const std::string_view shape : RandomShapes()) shapes.emplace_back(shape);
  command
      ->add_option("--shape", options->shape,
                   "A model of random weights in the shape of a known one, in place of -m; --dtype "
                   "auto is bf16 then")
      ->check(CLI::IsMember(shapes))
      ->excludes(command->get_option("--model"))
      ->excludes(command->get_option("--base"))
      ->excludes(command->get_option("--adapter"));
  command->add_option("--work", options->works, "What is measured, in this order")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--repeat", options->repeat, "Timed runs of each work; the median is shown")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &globals] {
    globals.run = [options, &globals] { return Bench(*options, globals.quiet); };
  });
}

}  // namespace dear::app
