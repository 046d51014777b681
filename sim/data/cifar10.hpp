// CIFAR-10 (Krizhevsky, 2009), the binary version.
#pragma once

#include "sim/data/dataset.hpp"

namespace precsim::data {

/// data_batch_1.bin ... data_batch_5.bin in this order (train) and test_batch.bin, in options.path or in its folder
/// cifar-10-batches-bin. A file is any positive number of records of 3073 bytes: a label 0..9, then the planes of red,
/// green and blue, 32 x 32 each. Every label is checked, also beyond the sizes asked for.
///
/// Read as (pixel / 255 - mean) / deviation with means 0.4914, 0.4822, 0.4465 and deviations 0.2470, 0.2435, 0.2616 of
/// the training pixels. Training images are padded by 4, cropped and flipped (PadCropFlip, seed options.run_seed,
/// tensor_id("cifar10/train")) unless options.augment is false.
Splits open_cifar10(const DatasetOptions& options);

}  // namespace precsim::data
