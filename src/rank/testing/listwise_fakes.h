#ifndef DEAR_RANK_TESTING_LISTWISE_FAKES_H_
#define DEAR_RANK_TESTING_LISTWISE_FAKES_H_

#include <cstdint>
#include <memory>
#include <string>

#include "rank/reranker.h"
#include "rank/testing/fakes.h"

namespace dear::testing {

// A chat model that answers every prompt alike.
inline std::shared_ptr<FakeLanguageModel> Answering(const std::string& answer) {
  auto model = std::make_shared<FakeLanguageModel>();
  model->fake_tokenizer.chat_template_text =
      "{% for m in messages %}<|start_header_id|>{{ m['content'] | trim }}<|eot_id|>{% endfor %}";
  model->answer = [answer](const std::string&) { return answer; };
  return model;
}

// Passages that hold a value each, no two alike.
inline RankRequest Numbered(int64_t n) {
  RankRequest request;
  request.query = "which is best";
  for (int64_t i = 0; i < n; ++i)
    request.passages.push_back({.text = "value=" + std::to_string(i * 7919 % 1009)});
  return request;
}

}  // namespace dear::testing

#endif  // DEAR_RANK_TESTING_LISTWISE_FAKES_H_
