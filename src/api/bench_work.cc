#include "api/bench_work.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "model/session.h"

namespace dear {
namespace {

constexpr int64_t kPromptBefore = 512;
constexpr int64_t kTokensPerPassage = 135;  // 100 words, the identifier and the line's end
constexpr int64_t kTokensOfInstruction = 100;
constexpr int64_t kTokensPerPlace = 5;  // "[", "12", "]", " >", " "
constexpr int64_t kMost = 1 << 20;      // tokens of one work

[[noreturn]] void Refuse(std::string_view name) {
  throw Error(ErrorCode::kInvalidArgument, "work '" + std::string(name) + "'",
              "expected prefillN, verifyN, decodeN, pointwiseBxT or listwiseN, with numbers from 1 "
              "and at most " +
                  std::to_string(kMost) + " tokens, load or loadcold");
}

std::vector<int32_t> Tokens(int64_t count, int64_t seed, int64_t vocab_size) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(static_cast<int32_t>(((i + 31 * seed) * 7919 + 13) % vocab_size));
  return ids;
}

void Keep(const HeadOutputs& outputs, std::vector<float>& all) {
  all.insert(all.end(), outputs.values.begin(), outputs.values.end());
}

}  // namespace

BenchWork ParseBenchWork(std::string_view name) {
  using Kind = BenchWork::Kind;
  constexpr std::array kinds = {
      std::pair{std::string_view("prefill"), Kind::kPrefill},
      std::pair{std::string_view("verify"), Kind::kVerify},
      std::pair{std::string_view("decode"), Kind::kDecode},
      std::pair{std::string_view("pointwise"), Kind::kPointwise},
      std::pair{std::string_view("listwise"), Kind::kListwise},
      std::pair{std::string_view("loadcold"), Kind::kLoadCold},
      std::pair{std::string_view("load"), Kind::kLoad},
  };
  const auto* const found =
      std::ranges::find_if(kinds, [&](const auto& kind) { return name.starts_with(kind.first); });
  if (found == kinds.end()) Refuse(name);
  BenchWork work{.name = std::string(name), .kind = found->second};
  std::string_view numbers = name.substr(found->first.size());
  if (work.loads()) {
    if (!numbers.empty()) Refuse(name);
    work.prompt = 1;
    return work;
  }
  const auto number = [&](std::string_view text) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > kMost)
      Refuse(name);
    return value;
  };
  if (work.kind == Kind::kPointwise) {
    const size_t by = numbers.find('x');
    if (by == std::string_view::npos) Refuse(name);
    work.sequences = number(numbers.substr(0, by));
    work.prompt = number(numbers.substr(by + 1));
    if (work.sequences * work.prompt > kMost) Refuse(name);
    return work;
  }
  if (work.kind == Kind::kDecode && numbers.empty()) numbers = "32";
  const int64_t count = number(numbers);
  if (work.kind == Kind::kPrefill) work.prompt = count;
  if (work.kind == Kind::kVerify || work.kind == Kind::kDecode) work.before = kPromptBefore;
  if (work.kind == Kind::kVerify) work.prompt = count;
  if (work.kind == Kind::kDecode) work.decoded = count;
  if (work.kind == Kind::kListwise) {
    work.prompt = kTokensPerPassage * count + kTokensOfInstruction;
    work.decoded = kTokensPerPlace * count - 1;
  }
  if (work.prompt + work.decoded > kMost) Refuse(name);
  return work;
}

BenchCost CostOf(const BenchWork& work, const Model& model, const Adapter* adapter) {
  const ModelConfig& config = model.config();
  double weights = 0;  // that every token is multiplied by
  double bytes = 0;
  model.ForEachLinear([&](const Linear& linear) {
    // Of the embedding a token reads a row; where the head is tied to it, the head reads it all.
    if (!linear.weight || linear.id == model.embedding().id) return;
    bytes += static_cast<double>(linear.weight->bytes());
    if (linear.id == model.head().id) return;
    weights +=
        static_cast<double>(linear.weight->rows()) * static_cast<double>(linear.weight->cols());
  });
  for (int id = 0; adapter != nullptr && id < model.num_modules(); ++id) {
    const ModuleDelta* delta = adapter->delta(id);
    if (delta == nullptr || delta->is_embedding) continue;
    const auto numbers = static_cast<double>(delta->a.size() + delta->b.size());
    weights += numbers;
    bytes += numbers * sizeof(float);
  }
  const double head = model.head().weight ? static_cast<double>(model.head().weight->rows()) *
                                                static_cast<double>(model.head().weight->cols())
                                          : 0;
  const auto prompt = static_cast<double>(work.prompt);
  const auto before = static_cast<double>(work.before);
  const auto decoded = static_cast<double>(work.decoded);
  const auto sequences = static_cast<double>(work.sequences);
  BenchCost cost;
  cost.tokens = work.sequences * work.prompt + work.decoded;
  const auto tokens = static_cast<double>(cost.tokens);
  const double heads_read = (work.kind == BenchWork::Kind::kVerify ? prompt
                             : work.prompt > 0                     ? sequences
                                                                   : 0) +
                            decoded;
  // Token i of a sequence meets i + 1 keys.
  const double keys = sequences * (prompt * before + prompt * (prompt + 1) / 2) +
                      decoded * (before + prompt) + decoded * (decoded + 1) / 2;
  const double attention =
      4.0 * static_cast<double>(config.num_layers * config.num_heads * config.head_dim) * keys;
  cost.flop = 2 * weights * tokens + 2 * head * heads_read + attention;
  cost.bytes = bytes * ((work.prompt > 0 ? 1 : 0) + decoded);
  return cost;
}

BenchFloor FloorOf(const BenchCost& cost, const MachinePeak& peak, Compute compute) {
  double flops = peak.f32_flops;
  if (compute != Compute::kReference) flops = std::max(flops, peak.bf16_flops);
  if (compute == Compute::kInt8) flops = std::max(flops, peak.int8_ops);
  if (flops <= 0 || peak.bytes_per_second <= 0) return {};
  const double arithmetic = cost.flop / flops;
  const double memory = cost.bytes / peak.bytes_per_second;
  return {.seconds = std::max(arithmetic, memory),
          .bound_by = memory > arithmetic ? "memory" : "arithmetic"};
}

BenchRun RunWork(const BenchWork& work, const BenchSubject& subject) {
  const int64_t vocab = subject.model->config().vocab_size;
  Session session(subject.model, subject.pool);
  std::vector<std::vector<int32_t>> ids;
  std::vector<Step> steps;
  for (int64_t i = 0; i < work.sequences; ++i) {
    const SequenceId sequence = session.Add(subject.adapter);
    const std::vector<int32_t> before = Tokens(work.before, i, vocab);
    const Step first{.sequence = sequence, .tokens = before, .logits_from = before.size()};
    if (!before.empty()) session.Forward({&first, 1});
    ids.push_back(Tokens(work.prompt, i + 1000, vocab));
    const bool all = work.kind == BenchWork::Kind::kVerify;
    steps.push_back({.sequence = sequence,
                     .tokens = ids.back(),
                     .logits_from = all || ids.back().empty() ? 0 : ids.back().size() - 1});
  }
  BenchRun run;
  const auto begin = std::chrono::steady_clock::now();
  if (work.prompt > 0) Keep(session.Forward(steps), run.outputs);
  for (const int32_t token : Tokens(work.decoded, 5, vocab)) {
    const Step next{.sequence = steps.front().sequence, .tokens = {&token, 1}, .logits_from = 0};
    Keep(session.Forward({&next, 1}), run.outputs);
  }
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return run;
}

std::vector<double> TimeWork(const BenchWork& work, const BenchSubject& subject, int repeats,
                             const std::function<bool()>& cancelled) {
  const BenchRun first = RunWork(work, subject);
  std::vector<double> seconds;
  for (int run = 0; run < repeats; ++run) {
    if (cancelled && cancelled()) throw Error(ErrorCode::kCancelled, work.name, "stopped");
    const BenchRun again = RunWork(work, subject);
    if (again.outputs != first.outputs)
      throw Error(ErrorCode::kInternal, work.name, "two runs gave different outputs");
    seconds.push_back(again.seconds);
  }
  return seconds;
}

}  // namespace dear
