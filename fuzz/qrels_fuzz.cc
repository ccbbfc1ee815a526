// Whatever stands in a file of judgements, reading it gives topics or one Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "eval/qrels.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dear::eval;  // NOLINT(google-build-using-namespace)
  std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const Qrels qrels =
        Qrels::Parse(TextSource::FromString(std::move(text), "fuzz", size_t{1} << 24));
    for (const Topic& topic : qrels.topics()) {
      if (qrels.Find(topic.qid()) != &topic || topic.size() == 0) std::abort();
    }
  } catch (const dear::Error&) {
  }
  return 0;
}
