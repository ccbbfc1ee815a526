#ifndef DEAR_TRAIN_ADAMW_H_
#define DEAR_TRAIN_ADAMW_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"

namespace dear {

// One trained tensor: `values` and `gradient` have the same size and belong to the caller, who
// keeps them in place as long as the optimizer lives.
struct OptimizedTensor {
  std::string name;  // unique
  std::span<float> values;
  std::span<float> gradient;
  double learning_rate_factor = 1;  // LoRA+: loraplus_lr_ratio for every B
  bool decays = true;               // false: weight_decay does not touch it
};

// torch.optim.AdamW's, with its defaults but for the weight decay, whose default is transformers'.
struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
};

// AdamW with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101), operation by
// operation as torch.optim.AdamW does it in f32 on a CPU (torch/optim/adam.py, _single_tensor_adam,
// amsgrad off), t = 1 at the first step:
//   p -= lr * weight_decay * p;  m += (1 - beta1) * (g - m);  v = beta2 * v + (1 - beta2) * g * g
//   p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
// Elementwise, so that the numbers do not depend on the number of threads.
class AdamW {
 public:
  // The moments of one tensor, to be saved in a checkpoint and written back: as many values each as
  // the tensor has. The spans live as long as the optimizer.
  struct Moments {
    std::string name;
    std::span<float> first;   // torch's exp_avg
    std::span<float> second;  // torch's exp_avg_sq
  };

  // Moments begin at zero. Throws kInvalidArgument where an option is out of range, sizes differ or
  // a name comes twice.
  AdamW(std::vector<OptimizedTensor> tensors, const AdamWOptions& options);

  // One step at `learning_rate` (times each tensor's factor). Throws kInvalidArgument where the
  // rate is negative or not finite; non-finite gradients are the caller's to find
  // (ClipGradientNorm).
  void Step(double learning_rate, ThreadPool& pool);

  std::span<const OptimizedTensor> tensors() const { return tensors_; }
  int64_t num_steps() const { return num_steps_; }
  // For a run that goes on: how many steps the moments that were written have seen.
  void set_num_steps(int64_t num_steps);
  std::vector<Moments> moments();

 private:
  // Elements [begin, end) of one tensor.
  struct Piece {
    size_t tensor;
    size_t begin;
    size_t end;
  };

  void Update(const Piece& piece, double learning_rate);

  std::vector<OptimizedTensor> tensors_;
  AdamWOptions options_;
  std::vector<std::vector<float>> first_;
  std::vector<std::vector<float>> second_;
  std::vector<Piece> pieces_;
  int64_t num_steps_ = 0;
};

// The 2-norm of all gradients as one vector, summed in double in an order that does not depend on
// the number of threads. Where it is over `max_norm`, every gradient is multiplied by
// max_norm / (norm + 1e-6), as torch.nn.utils.clip_grad_norm_ does; max_norm 0 clips nothing
// (transformers' Trainer, max_grad_norm). Returns the norm before clipping. Where it is not finite
// the gradients stay as they are, and the caller must not step.
double ClipGradientNorm(std::span<const OptimizedTensor> tensors, double max_norm,
                        ThreadPool& pool);

}  // namespace dear

#endif  // DEAR_TRAIN_ADAMW_H_
