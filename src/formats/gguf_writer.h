#ifndef DEAR_FORMATS_GGUF_WRITER_H_
#define DEAR_FORMATS_GGUF_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/gguf.h"
#include "formats/tensor_stream.h"

namespace dear {

// Collects metadata and writes GGUF files (version 3, little-endian, alignment 32). The widths of
// numbers matter to readers, so they are chosen by the caller's type: llama.cpp wants u32 for
// counts, f32 for real numbers, i32 for token types.
class GgufWriter {
 public:
  // A key set again is replaced; keys are written in the order in which they were first set.
  void SetBool(std::string_view key, bool value);
  void SetU32(std::string_view key, uint32_t value);
  void SetI64(std::string_view key, int64_t value);
  void SetF32(std::string_view key, float value);
  void SetF64(std::string_view key, double value);
  void SetString(std::string_view key, std::string_view value);
  void SetStrings(std::string_view key, const std::vector<std::string>& values);
  void SetF32s(std::string_view key, const std::vector<float>& values);
  void SetI32s(std::string_view key, const std::vector<int32_t>& values);

  // The metadata of a file that was read. Its numbers come back in the narrowest of u32, i32, i64
  // that holds them and as f32 where that is exact, else f64; "general.alignment" is left out.
  void CopyMetadata(const GgufFile& from);

  // Writes the file, atomically, tensor by tensor in the order given; shapes have the slowest
  // dimension first, as everywhere in dear. Throws Error: kUnsupported for a type that GGUF does
  // not have, kInvalidArgument for a name twice or rows that are no whole blocks, kIo.
  void Write(const std::filesystem::path& path, std::span<const TensorSpec> tensors,
             const TensorBytesFn& produce) const;

 private:
  struct Entry {
    std::string key;
    std::string encoded;  // value type and value, as in the file
  };
  void Set(std::string_view key, std::string encoded);

  std::vector<Entry> entries_;
};

}  // namespace dear

#endif  // DEAR_FORMATS_GGUF_WRITER_H_
