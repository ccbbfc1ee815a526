// Weights in the forms of bitsandbytes, in a safetensors file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "formats/bnb_checkpoint.h"
#include "formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto file =
        dear::SafetensorsFile::Parse(std::as_bytes(std::span(data, size)), nullptr, "fuzz");
    for (const auto& name : file->Names()) {
      if (!name.ends_with(".weight")) continue;
      try {
        const auto matrix = dear::LoadWeight(*file, name);
        if (matrix->rows() == 0 || matrix->cols() == 0) continue;
        std::vector<float> row(static_cast<size_t>(matrix->cols()));
        matrix->CopyRows(0, 1, row.data());
        matrix->CopyRows(matrix->rows() - 1, 1, row.data());
      } catch (const dear::Error&) {  // one bad tensor does not hide the next
      }
    }
  } catch (const dear::Error&) {  // what a broken input gives
  }
  return 0;
}
