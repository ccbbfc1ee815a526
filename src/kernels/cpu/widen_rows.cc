#include "kernels/cpu/widen_rows.h"

#include <optional>

namespace dear::cpu {
namespace {

std::optional<StoredForm> FormOf(DType dtype) {
  switch (dtype) {
    case DType::kBF16: return StoredForm::kBF16;
    case DType::kQ4_0: return StoredForm::kQ4_0;
    case DType::kQ4_1: return StoredForm::kQ4_1;
    case DType::kQ8_0: return StoredForm::kQ8_0;
    case DType::kQ4_K: return StoredForm::kQ4_K;
    default: return std::nullopt;
  }
}

}  // namespace

void WidenRows(const KernelTable& kernels, const Matrix& w, int64_t row, int64_t count,
               float* dst) {
  const StoredRows* stored = w.Stored();
  const std::optional<StoredForm> form =
      stored == nullptr || kernels.widen == nullptr ? std::nullopt : FormOf(stored->dtype);
  if (!form) {
    w.CopyRows(row, count, dst);
    return;
  }
  kernels.widen(*form, reinterpret_cast<const uint8_t*>(stored->data) + row * stored->row_bytes,
                count * w.cols(), dst);
}

}  // namespace dear::cpu
