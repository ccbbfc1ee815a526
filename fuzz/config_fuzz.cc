// config.json, generation_config.json, and the metadata and tensor names of a GGUF file.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "formats/gguf_model.h"
#include "formats/model_config.h"

namespace {

void ReadJsonConfigs(std::string_view text) {
  const dear::Json json = dear::ParseJson(text, "fuzz");
  try {
    dear::ParseGenerationConfig(json, "fuzz");
  } catch (const dear::Error&) {  // an input may be one kind and not the other
  }
  dear::ParseModelConfig(json, "fuzz");
}

void ReadGguf(std::span<const std::byte> bytes) {
  const auto file = dear::GgufFile::Parse(bytes, nullptr, "fuzz");
  const dear::ModelConfig config = dear::ReadGgufConfig(*file);
  const auto tensors = dear::OpenGgufTensors(file, config);
  for (const auto& name : tensors->Names()) {
    try {
      tensors->Get(name);
    } catch (const dear::Error&) {  // one bad tensor does not hide the next
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    if (text.starts_with("GGUF")) {
      ReadGguf(std::as_bytes(std::span(data, size)));
    } else {
      ReadJsonConfigs(text);
    }
  } catch (const dear::Error&) {  // what a broken input gives
  }
  return 0;
}
