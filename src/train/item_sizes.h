#ifndef DEAR_TRAIN_ITEM_SIZES_H_
#define DEAR_TRAIN_ITEM_SIZES_H_

#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "train/objective.h"

namespace dear {

// Of all items, which every thread takes a part of: this reads a whole dataset.
std::vector<ItemSize> ItemSizes(const Objective& objective, ThreadPool& pool,
                                const ProgressFn& progress);

}  // namespace dear

#endif  // DEAR_TRAIN_ITEM_SIZES_H_
