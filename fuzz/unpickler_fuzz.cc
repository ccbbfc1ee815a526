// Archives of torch.save, and their pickles alone.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "formats/tensor_pickle.h"
#include "formats/torch_archive.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const bool is_zip = size >= 2 && data[0] == 'P' && data[1] == 'K';
  try {
    if (is_zip) {
      const auto archive = dear::TorchArchive::Parse(bytes, nullptr, "fuzz");
      for (const auto& name : archive->Names()) dear::ToF32(archive->Get(name));
    } else {
      dear::ReadTensorPickle(bytes, "fuzz");
    }
  } catch (const dear::Error&) {  // what a broken input gives
  }
  return 0;
}
