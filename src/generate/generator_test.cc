#include "generate/generator.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace dear {
namespace {

constexpr TokenId kByteEos = 0;

// Bytes as tokens; 0 is a special end token.
class ByteTokenizer : public Tokenizer {
 public:
  Encoding Encode(std::string_view text, const EncodeOptions&, bool) const override {
    Encoding out;
    for (const char c : text) out.ids.push_back(static_cast<uint8_t>(c));
    return out;
  }
  Encoding EncodePair(std::string_view, std::string_view, const EncodeOptions&,
                      bool) const override {
    return {};
  }
  std::string Decode(std::span<const TokenId> ids, bool skip) const override {
    std::string out;
    for (const TokenId id : ids)
      if (id != kByteEos || !skip) out += static_cast<char>(id);
    return out;
  }
  std::optional<TokenId> TokenToId(std::string_view) const override { return std::nullopt; }
  std::optional<std::string> IdToToken(TokenId id) const override {
    return std::string(1, static_cast<char>(id));
  }
  int64_t vocab_size() const override { return 128; }
  bool IsSpecial(TokenId id) const override { return id == kByteEos; }
  std::optional<TokenId> bos_id() const override { return std::nullopt; }
  std::optional<TokenId> eos_id() const override { return kByteEos; }
  std::optional<TokenId> pad_id() const override { return std::nullopt; }
  const std::string& chat_template() const override { return template_; }

 private:
  std::string template_;
};

// A model that spells out `script` after the "=" of each prompt, one byte a token, then ends.
class ScriptedStepper : public Stepper {
 public:
  explicit ScriptedStepper(std::string script) : script_(std::move(script)) {
    config_.eos_ids = {kByteEos};
    config_.max_positions = 4096;
    config_.vocab_size = 128;
  }

  SequenceId Add(std::shared_ptr<const Adapter>) override {
    held_[++last_] = "";
    most_ = std::max(most_, held_.size());
    return last_;
  }
  SequenceId Fork(SequenceId source, int64_t length) override {
    const SequenceId id = Add(nullptr);
    held_[id] = held_.at(source).substr(0, static_cast<size_t>(length));
    return id;
  }
  std::optional<Begun> Begin(const std::shared_ptr<const Adapter>&, std::span<const TokenId> tokens,
                             size_t least) override {
    const std::string asked(tokens.begin(), tokens.end());
    if (kept_.size() <= least || !asked.starts_with(kept_)) return std::nullopt;
    const SequenceId id = Add(nullptr);
    held_[id] = kept_;
    return Begun{.sequence = id, .held = kept_.size()};
  }
  void Keep(SequenceId id, std::span<const TokenId> tokens) override {
    kept_.assign(tokens.begin(), tokens.end());
    EXPECT_TRUE(held_.at(id).starts_with(kept_));
    ++keeps_;
  }
  void Remove(SequenceId id) override { held_.erase(id); }
  void Truncate(SequenceId id, int64_t length) override {
    held_.at(id).resize(static_cast<size_t>(length));
  }
  double pass_rows() const override { return pass_rows_; }
  HeadOutputs Forward(std::span<const Step> steps) override {
    ++calls_;
    HeadOutputs out{.width = 128, .values = {}};
    for (const Step& step : steps) {
      std::string& text = held_.at(step.sequence);
      for (size_t i = 0; i < step.tokens.size(); ++i) {
        text += static_cast<char>(step.tokens[i]);
        if (i < step.logits_from) continue;
        const size_t done = text.size() - text.find('=') - 1;
        const auto next = static_cast<size_t>(done < script_.size() ? script_[done] : kByteEos);
        std::vector<float> row(128, 0);
        row[next] = 1;
        out.values.insert(out.values.end(), row.begin(), row.end());
      }
    }
    return out;
  }
  const ModelConfig& config() const override { return config_; }

  ModelConfig config_;
  std::string script_;
  std::map<SequenceId, std::string> held_;
  std::string kept_;  // the newest
  int keeps_ = 0;
  SequenceId last_ = 0;
  size_t most_ = 0;
  int calls_ = 0;
  double pass_rows_ = 8;
};

GenerateRequest Request(const std::string& prompt, int64_t max_new_tokens) {
  GenerateRequest request;
  for (const char c : prompt) request.prompt.push_back(static_cast<uint8_t>(c));
  request.max_new_tokens = max_new_tokens;
  return request;
}

std::vector<Generated> Answers(ScriptedStepper& stepper, std::vector<GenerateRequest> requests,
                               const CancelFn& cancel = {}) {
  return Generate(stepper, std::make_shared<ByteTokenizer>(), requests, cancel);
}

TEST(Generate, EndsAtAnEndTokenAndReturnsIt) {
  ScriptedStepper stepper("hello");
  const auto out = Answers(stepper, {Request("p=", 20)});
  EXPECT_EQ(out[0].text, "hello");
  EXPECT_EQ(out[0].ids.back(), kByteEos);
  EXPECT_EQ(out[0].ids.size(), 6U);
  EXPECT_EQ(out[0].reason, StopReason::kEos);
  EXPECT_EQ(out[0].forward_passes, 6);
  EXPECT_TRUE(stepper.held_.empty());
}

TEST(Generate, EndsAtTheLengthAskedFor) {
  ScriptedStepper stepper("hello");
  EXPECT_EQ(Answers(stepper, {Request("p=", 3)})[0].text, "hel");
  EXPECT_EQ(Answers(stepper, {Request("p=", 3)})[0].reason, StopReason::kLength);
  EXPECT_EQ(Answers(stepper, {Request("p=", 0)})[0].ids.size(), 0U);
}

TEST(Generate, StopIdsComeBesidesTheModelsOwn) {
  ScriptedStepper stepper("hello");
  GenerateRequest request = Request("p=", 20);
  request.stop_ids = {'l'};
  EXPECT_EQ(Answers(stepper, {request})[0].text, "hel");
  request.stop_ids.clear();
  request.use_model_eos = false;
  request.max_new_tokens = 7;
  EXPECT_EQ(Answers(stepper, {request})[0].ids.size(), 7U);
}

TEST(Generate, StopStringsSpanTokensAndAreNeverStreamed) {
  ScriptedStepper stepper("one ##two ### three");
  GenerateRequest request = Request("p=", 50);
  request.stop_strings = {"###"};
  std::string streamed;
  request.on_text = [&](std::string_view piece) { streamed += piece; };
  const auto out = Answers(stepper, {request});
  EXPECT_EQ(out[0].text, "one ##two ");
  EXPECT_EQ(streamed, out[0].text);
  EXPECT_EQ(out[0].reason, StopReason::kStopString);
  EXPECT_EQ(out[0].ids.back(), '#');
}

TEST(Generate, HeldBackTextComesOutAtTheEnd) {
  ScriptedStepper stepper("one ##");
  GenerateRequest request = Request("p=", 50);
  request.stop_strings = {"###"};
  EXPECT_EQ(Answers(stepper, {request})[0].text, "one ##");
}

TEST(Generate, StreamsAsItIsWritten) {
  ScriptedStepper stepper("h\x01i");
  GenerateRequest request = Request("p=", 50);
  std::vector<std::string> pieces;
  request.on_text = [&](std::string_view piece) { pieces.emplace_back(piece); };
  Answers(stepper, {request});
  EXPECT_EQ(pieces, (std::vector<std::string>{"h", "\x01", "i"}));
}

TEST(Generate, StopsAtTheEndOfTheContext) {
  ScriptedStepper stepper("hello");
  stepper.config_.max_positions = 4;
  const auto out = Answers(stepper, {Request("p=", 20)});
  // Positions 2 and 3 take "h" and "e"; "l" is known and has no place.
  EXPECT_EQ(out[0].text, "hel");
  EXPECT_EQ(out[0].reason, StopReason::kContext);
  EXPECT_THROW(Answers(stepper, {Request("long=", 1)}), Error);
  EXPECT_EQ(Answers(stepper, {Request("lon=", 9)})[0].text, "h");
}

TEST(Generate, ManyAtOnceEndAsTheyWouldAlone) {
  std::vector<GenerateRequest> requests;
  requests.reserve(40);
  for (int i = 0; i < 40; ++i)
    requests.push_back(Request(std::string(static_cast<size_t>(1 + i * 17), 'p') + "=", i % 9));
  ScriptedStepper together("abcdefg");
  const auto all = Answers(together, requests);
  EXPECT_LE(together.most_, kMaxRunningSequences);
  for (size_t i = 0; i < requests.size(); ++i) {
    ScriptedStepper alone("abcdefg");
    const auto one = Answers(alone, {requests[i]});
    EXPECT_EQ(all[i].ids, one[0].ids);
    EXPECT_EQ(all[i].text, one[0].text);
    EXPECT_EQ(all[i].reason, one[0].reason);
  }
}

TEST(Generate, LongPromptsAreFedInBoundedParts) {
  ScriptedStepper stepper("ok");
  EXPECT_EQ(Answers(stepper, {Request(std::string(1500, 'p') + "=", 9)})[0].text, "ok");
  EXPECT_EQ(stepper.calls_, 3 + 2);
}

TEST(Generate, CancelsBetweenCalls) {
  ScriptedStepper stepper("hello");
  int calls = 0;
  try {
    Answers(stepper, {Request("p=", 20)}, [&] { return ++calls > 3; });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(stepper.calls_, 3);
  EXPECT_TRUE(stepper.held_.empty());
}

TEST(Generate, RefusesWhatCannotBeContinued) {
  ScriptedStepper stepper("hello");
  EXPECT_THROW(Answers(stepper, {Request("", 20)}), Error);
  EXPECT_THROW(Answers(stepper, {Request("p=", -1)}), Error);
  GenerateRequest request = Request("p=", 3);
  request.sampling.top_p = 2;
  EXPECT_THROW(Answers(stepper, {request}), Error);
  stepper.config_.head = HeadKind::kSequenceClassification;
  EXPECT_THROW(Answers(stepper, {Request("p=", 3)}), Error);
}

TEST(Generate, APromptGoesOnBehindWhatOneBesideItHasKept) {
  ScriptedStepper stepper("yes");
  const std::string instruction(600, 'a');  // more than one call takes
  std::vector<GenerateRequest> requests = {Request(instruction + "x=", 10),
                                           Request(instruction + "yy=", 10)};
  for (GenerateRequest& request : requests) request.keep = 300;
  for (const int64_t cached_of_first : {0, 300}) {
    const std::vector<Generated> answers = Answers(stepper, requests);
    EXPECT_EQ(answers[0].text, "yes");
    EXPECT_EQ(answers[1].text, "yes");
    EXPECT_EQ(answers[0].cached, cached_of_first);
    EXPECT_EQ(answers[1].cached, 300);
    EXPECT_EQ(stepper.keeps_, 1);
    EXPECT_TRUE(stepper.held_.empty());
  }
}

}  // namespace
}  // namespace dear
