// Whatever stands in a file of topics, in any of its forms, reading it gives texts or one Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/topics.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dear::IdTable wanted;
  for (const std::string_view id : {"q1", "51", "0", "qid"}) wanted.Add(id);
  try {
    const dear::TextCollection topics =
        dear::ParseTopics(std::string(reinterpret_cast<const char*>(data), size), "fuzz", wanted);
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (topics.Has(i) && topics.Read(i).id != wanted[i]) std::abort();
    }
  } catch (const dear::Error&) {
  }
  return 0;
}
