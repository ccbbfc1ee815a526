// A file of packed weights whose sums were forged: opened, and every matrix of it read.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "base/aligned_vector.h"
#include "base/error.h"
#include "formats/packed_file.h"
#include "formats/testing/packed_sums.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto copy = std::make_shared<dear::AlignedVector<std::byte>>(size);
  if (size > 0) std::memcpy(copy->data(), data, size);
  dear::testing::ForgePackedSum(*copy);
  try {
    const auto file = dear::PackedFile::Parse(*copy, copy, "fuzz");
    for (const char* name : {"a.weight", "b.weight", "c.weight"}) {  // those of the seeds
      const auto matrix = file->Find(name);
      if (!matrix || matrix->rows() == 0) continue;
      std::vector<float> row(static_cast<size_t>(matrix->cols()));
      matrix->CopyRows(0, 1, row.data());
      matrix->CopyRows(matrix->rows() - 1, 1, row.data());
    }
    file->CheckData(nullptr);
  } catch (const dear::Error&) {  // what a broken input gives
  }
  return 0;
}
