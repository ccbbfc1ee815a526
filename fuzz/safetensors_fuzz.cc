// A .safetensors file from a stranger: opened, and every tensor of it read.
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const auto file = dear::SafetensorsFile::Parse(bytes, nullptr, "fuzz");
    for (const std::string& name : file->Names()) dear::ToF32(file->Get(name));
  } catch (const dear::Error&) {
  }
  return 0;
}
