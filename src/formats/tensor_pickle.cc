// Source of the opcodes: CPython's Lib/pickletools.py. Source of the objects: torch/_utils.py
// (_rebuild_tensor_v2, _rebuild_parameter) and torch/serialization.py (persistent_id).
#include "formats/tensor_pickle.h"

#include <bit>
#include <cstring>
#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "base/error.h"

namespace dear {
namespace {

constexpr size_t kMaxPickle = size_t{4} << 20;  // of 1000 tensors: 200 kB
constexpr size_t kMaxRank = 8;
constexpr size_t kMaxStorageKey = 64;

enum class Global { kOrderedDict, kRebuildTensor, kRebuildParameter, kStorageType };

struct GlobalEntry {
  std::string_view name;
  Global global;
  DType dtype = DType::kF32;
};

constexpr GlobalEntry kGlobals[] = {
    {"collections.OrderedDict", Global::kOrderedDict},
    {"torch._utils._rebuild_tensor_v2", Global::kRebuildTensor},
    {"torch._utils._rebuild_parameter", Global::kRebuildParameter},
    {"torch.FloatStorage", Global::kStorageType, DType::kF32},
    {"torch.HalfStorage", Global::kStorageType, DType::kF16},
    {"torch.BFloat16Storage", Global::kStorageType, DType::kBF16},
    {"torch.DoubleStorage", Global::kStorageType, DType::kF64},
    {"torch.LongStorage", Global::kStorageType, DType::kI64},
    {"torch.IntStorage", Global::kStorageType, DType::kI32},
    {"torch.ShortStorage", Global::kStorageType, DType::kI16},
    {"torch.CharStorage", Global::kStorageType, DType::kI8},
    {"torch.ByteStorage", Global::kStorageType, DType::kU8},
    {"torch.BoolStorage", Global::kStorageType, DType::kBool},
};

enum class Kind {
  kMark,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kGlobal,
  kSequence,
  kDict,
  kStorage,
  kTensor
};

// Everything on the stack is one of these, small and copied freely; what is large or shared stands
// in the machine's pools under `index`. Nothing owns anything, so cycles need no care.
struct Value {
  Kind kind = Kind::kNone;
  int64_t number = 0;                   // kBool, kInt
  std::string_view text;                // kString, in the pickle's bytes
  const GlobalEntry* global = nullptr;  // kGlobal
  size_t index = 0;                     // kSequence, kDict, kStorage, kTensor
};

struct Storage {
  DType dtype;
  std::string_view key;
  uint64_t elements;
};

class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> pickle, const std::string& origin)
      : pickle_(pickle), origin_(origin) {}

  std::vector<std::pair<std::string, PickledTensor>> Run() {
    while (!Step()) {
    }
    const Value top = Pop();
    if (top.kind != Kind::kDict) Fail("expected a dict of tensors at the top");
    std::vector<std::pair<std::string, PickledTensor>> out;
    for (const auto& [key, value] : dicts_[top.index]) {
      if (key.kind != Kind::kString) Fail("expected names as keys");
      if (value.kind != Kind::kTensor) {
        Unsupported("entry '" + std::string(key.text.substr(0, 200)) + "' is no tensor");
      }
      out.emplace_back(key.text, tensors_[value.index]);
    }
    return out;
  }

 private:
  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(ErrorCode::kInvalidFormat, origin_,
                "broken pickle at byte " + std::to_string(at_) + ": " + what);
  }
  [[noreturn]] void Unsupported(const std::string& what) const {
    throw Error(ErrorCode::kUnsupported, origin_, "pickle: " + what);
  }

  // --- bytes ---
  std::string_view Take(uint64_t size) {
    if (size > pickle_.size() - at_) Fail("ends too early");
    const std::string_view bytes(reinterpret_cast<const char*>(pickle_.data()) + at_, size);
    at_ += size;
    return bytes;
  }
  template <typename T>
  T Number() {
    T value;
    std::memcpy(&value, Take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string_view Line() {
    const std::string_view rest(reinterpret_cast<const char*>(pickle_.data()) + at_,
                                pickle_.size() - at_);
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) Fail("ends within a line");
    at_ += end + 1;
    return rest.substr(0, end);
  }

  // --- stack ---
  Value Pop() {
    if (stack_.empty() || stack_.back().kind == Kind::kMark) Fail("the stack is empty");
    const Value value = stack_.back();
    stack_.pop_back();
    return value;
  }
  Value& Top() {
    if (stack_.empty() || stack_.back().kind == Kind::kMark) Fail("the stack is empty");
    return stack_.back();
  }
  void Push(Value value) { stack_.push_back(value); }
  void PushInt(int64_t number) { Push({.kind = Kind::kInt, .number = number}); }
  void PushString(std::string_view text) { Push({.kind = Kind::kString, .text = text}); }
  void PushSequence(std::vector<Value> items) {
    sequences_.push_back(std::move(items));
    Push({.kind = Kind::kSequence, .index = sequences_.size() - 1});
  }
  void PushDict() {
    dicts_.emplace_back();
    Push({.kind = Kind::kDict, .index = dicts_.size() - 1});
  }
  void PushTuple(size_t count) {
    std::vector<Value> items(count);
    for (size_t i = count; i-- > 0;) items[i] = Pop();
    PushSequence(std::move(items));
  }
  // Everything above the last mark, which goes too.
  std::vector<Value> PopToMark() {
    size_t mark = stack_.size();
    while (mark > 0 && stack_[mark - 1].kind != Kind::kMark) --mark;
    if (mark == 0) Fail("a mark is missing");
    std::vector<Value> items(stack_.begin() + static_cast<std::ptrdiff_t>(mark), stack_.end());
    stack_.resize(mark - 1);
    return items;
  }

  void Memoize(uint64_t slot) { memo_[slot] = Top(); }
  void Recall(uint64_t slot) {
    const auto found = memo_.find(slot);
    if (found == memo_.end()) Fail("memo " + std::to_string(slot) + " is empty");
    Push(found->second);
  }

  bool Step();  // true at the end
  void PushLong(std::string_view bytes);
  void PushGlobal(std::string_view module, std::string_view name);
  void SetItems(const std::vector<Value>& items);
  void Append(const std::vector<Value>& items);
  void Reduce();
  void Build();
  void PushStorage();
  void RebuildTensor(const std::vector<Value>& arguments);
  uint64_t Count(const Value& value, const char* what) const;
  std::vector<int64_t> Extents(const Value& value, const char* what) const;

  std::span<const std::byte> pickle_;
  const std::string& origin_;
  size_t at_ = 0;
  std::vector<Value> stack_;
  std::unordered_map<uint64_t, Value> memo_;
  std::deque<std::vector<Value>> sequences_;
  std::deque<std::vector<std::pair<Value, Value>>> dicts_;
  std::vector<Storage> storages_;
  std::vector<PickledTensor> tensors_;
};

bool PickleMachine::Step() {
  const auto opcode = Number<uint8_t>();
  switch (opcode) {
    case 0x80: {  // PROTO
      const auto protocol = Number<uint8_t>();
      if (protocol < 2 || protocol > 5) {
        Unsupported("protocol " + std::to_string(protocol) + " is not supported");
      }
      return false;
    }
    case 0x95: Take(8); return false;  // FRAME
    case '.': return true;             // STOP
    case '(': Push({.kind = Kind::kMark}); return false;
    case '0': Pop(); return false;
    case 'N': Push({.kind = Kind::kNone}); return false;
    case 0x88: Push({.kind = Kind::kBool, .number = 1}); return false;
    case 0x89: Push({.kind = Kind::kBool, .number = 0}); return false;
    case 'J': PushInt(Number<int32_t>()); return false;
    case 'K': PushInt(Number<uint8_t>()); return false;
    case 'M': PushInt(Number<uint16_t>()); return false;
    case 0x8a: PushLong(Take(Number<uint8_t>())); return false;  // LONG1
    case 'G':
      Take(8);
      Push({.kind = Kind::kFloat});
      return false;
    case 'X': PushString(Take(Number<uint32_t>())); return false;
    case 0x8c: PushString(Take(Number<uint8_t>())); return false;
    case 0x8d: PushString(Take(Number<uint64_t>())); return false;
    case 'c': {
      const auto module = Line();
      PushGlobal(module, Line());
      return false;
    }
    case 0x93: {  // STACK_GLOBAL
      const Value name = Pop();
      const Value module = Pop();
      if (name.kind != Kind::kString || module.kind != Kind::kString)
        Fail("a global without a name");
      PushGlobal(module.text, name.text);
      return false;
    }
    case 'q': Memoize(Number<uint8_t>()); return false;
    case 'r': Memoize(Number<uint32_t>()); return false;
    case 0x94: Memoize(memo_.size()); return false;
    case 'h': Recall(Number<uint8_t>()); return false;
    case 'j': Recall(Number<uint32_t>()); return false;
    case ')':
    case ']': PushSequence({}); return false;
    case 't':
    case 'l': PushSequence(PopToMark()); return false;
    case 0x85: PushTuple(1); return false;
    case 0x86: PushTuple(2); return false;
    case 0x87: PushTuple(3); return false;
    case '}': PushDict(); return false;
    case 'd': {
      const auto items = PopToMark();
      PushDict();
      SetItems(items);
      return false;
    }
    case 's': {
      const Value value = Pop();
      const Value key = Pop();
      SetItems({key, value});
      return false;
    }
    case 'u': SetItems(PopToMark()); return false;
    case 'a': Append({Pop()}); return false;
    case 'e': Append(PopToMark()); return false;
    case 'R': Reduce(); return false;
    case 'b': Build(); return false;
    case 'Q': PushStorage(); return false;
    default: break;
  }
  constexpr char kHex[] = "0123456789abcdef";
  Unsupported(std::string("opcode 0x") + kHex[opcode >> 4] + kHex[opcode & 15] +
              " is not allowed: only tensors are read");
}

// Little-endian two's complement.
void PickleMachine::PushLong(std::string_view bytes) {
  if (bytes.size() > 8) Fail("an integer beyond 64 bits");
  uint64_t number = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    number |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  }
  if (!bytes.empty() && bytes.size() < 8 && (static_cast<uint8_t>(bytes.back()) & 0x80) != 0) {
    number |= ~uint64_t{0} << (8 * bytes.size());
  }
  PushInt(std::bit_cast<int64_t>(number));
}

void PickleMachine::PushGlobal(std::string_view module, std::string_view name) {
  std::string full(module.substr(0, 200));
  full += '.';
  full += name.substr(0, 200);
  for (const GlobalEntry& entry : kGlobals) {
    if (entry.name == full) {
      Push({.kind = Kind::kGlobal, .global = &entry});
      return;
    }
  }
  for (char& c : full) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  Unsupported("global '" + full + "' is not allowed: only tensors are read");
}

void PickleMachine::SetItems(const std::vector<Value>& items) {
  const Value dict = Top();
  if (dict.kind != Kind::kDict || items.size() % 2 != 0) Fail("items without a dict");
  auto& entries = dicts_[dict.index];
  for (size_t i = 0; i < items.size(); i += 2) entries.emplace_back(items[i], items[i + 1]);
}

void PickleMachine::Append(const std::vector<Value>& items) {
  const Value list = Top();
  if (list.kind != Kind::kSequence) Fail("items without a list");
  auto& elements = sequences_[list.index];
  elements.insert(elements.end(), items.begin(), items.end());
}

void PickleMachine::Reduce() {
  const Value tuple = Pop();
  const Value function = Pop();
  if (tuple.kind != Kind::kSequence || function.kind != Kind::kGlobal) {
    Fail("a call of what is no function");
  }
  const auto& arguments = sequences_[tuple.index];
  switch (function.global->global) {
    case Global::kOrderedDict:
      if (!arguments.empty()) Unsupported("an OrderedDict made from a list");
      PushDict();
      return;
    case Global::kRebuildTensor: RebuildTensor(arguments); return;
    case Global::kRebuildParameter:
      if (arguments.empty() || arguments[0].kind != Kind::kTensor) Fail("a parameter of no tensor");
      Push(arguments[0]);
      return;
    case Global::kStorageType: break;
  }
  Fail("a call of a storage type");
}

// The attributes of a dict: a state dict carries the versions of its modules there.
void PickleMachine::Build() {
  Pop();
  if (Top().kind != Kind::kDict) Unsupported("an object with a state");
}

// ("storage", type, key, location, elements)
void PickleMachine::PushStorage() {
  const Value tuple = Pop();
  if (tuple.kind != Kind::kSequence) Fail("a reference that is no tuple");
  const auto& parts = sequences_[tuple.index];
  if (parts.size() != 5 || parts[0].kind != Kind::kString || parts[0].text != "storage" ||
      parts[1].kind != Kind::kGlobal || parts[1].global->global != Global::kStorageType ||
      parts[2].kind != Kind::kString || parts[2].text.size() > kMaxStorageKey) {
    Fail("a reference to what is no storage");
  }
  storages_.push_back({parts[1].global->dtype, parts[2].text, Count(parts[4], "a storage's size")});
  Push({.kind = Kind::kStorage, .index = storages_.size() - 1});
}

uint64_t PickleMachine::Count(const Value& value, const char* what) const {
  if (value.kind != Kind::kInt || value.number < 0) Fail(std::string(what) + " is no count");
  return static_cast<uint64_t>(value.number);
}

std::vector<int64_t> PickleMachine::Extents(const Value& value, const char* what) const {
  if (value.kind != Kind::kSequence) Fail(std::string(what) + " is no tuple");
  const auto& items = sequences_[value.index];
  if (items.size() > kMaxRank) Fail(std::string(what) + " has too many dimensions");
  std::vector<int64_t> out;
  for (const Value& item : items) out.push_back(static_cast<int64_t>(Count(item, what)));
  return out;
}

// (storage, offset, size, stride, requires_grad, hooks[, metadata])
void PickleMachine::RebuildTensor(const std::vector<Value>& arguments) {
  if (arguments.size() < 6 || arguments[0].kind != Kind::kStorage) Fail("a tensor of no storage");
  if (arguments.size() > 6 && arguments[6].kind != Kind::kNone &&
      !(arguments[6].kind == Kind::kDict && dicts_[arguments[6].index].empty())) {
    Unsupported("a tensor with metadata (a conjugate or negative view)");
  }
  const Storage& storage = storages_[arguments[0].index];
  PickledTensor tensor;
  tensor.storage_key = storage.key;
  tensor.dtype = storage.dtype;
  tensor.storage_elements = storage.elements;
  tensor.offset = Count(arguments[1], "a tensor's offset");
  tensor.shape = Extents(arguments[2], "a tensor's shape");
  tensor.strides = Extents(arguments[3], "a tensor's strides");
  if (tensor.shape.size() != tensor.strides.size()) Fail("a tensor's shape and strides differ");
  tensors_.push_back(std::move(tensor));
  Push({.kind = Kind::kTensor, .index = tensors_.size() - 1});
}

}  // namespace

std::vector<std::pair<std::string, PickledTensor>> ReadTensorPickle(
    std::span<const std::byte> pickle, const std::string& origin) {
  if (pickle.size() > kMaxPickle) {
    throw Error(ErrorCode::kInvalidFormat, origin,
                "its pickle is longer than " + std::to_string(kMaxPickle) + " bytes");
  }
  return PickleMachine(pickle, origin).Run();
}

}  // namespace dear
