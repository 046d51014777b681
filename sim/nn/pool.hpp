// Max and average pooling.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sim/nn/layer.hpp"

namespace precsim::nn {

/// Windows of size x size every `stride` pixels of the image in its border of `pad` < size pixels. There are as many as
/// fit; with `ceil` also one that begins inside image or leading border and reaches over the end (Caffe's rule).
struct PoolOptions {
  std::int64_t size = 1;
  std::int64_t stride = 1;
  std::int64_t pad = 0;
  bool ceil = false;
};

/// The largest value of the window inside the image, the first one in window order (row by row); its gradient goes
/// there, overlaps added in the order of the windows. At most 16x16 pixels: winners are kept as a byte.
std::unique_ptr<Layer> max_pool(std::string name, const PoolOptions& options);
/// The FP32 sum of what is inside the image, in window order, times the FP32 reciprocal of the count; the gradient is
/// divided alike. The count is that of the places in the image *and its border*, as in Caffe: zeros of the border
/// count, places beyond it do not.
std::unique_ptr<Layer> average_pool(std::string name, const PoolOptions& options);
/// Average over all pixels of an image: average_pool with one window.
std::unique_ptr<Layer> global_average_pool(std::string name);

}  // namespace precsim::nn
