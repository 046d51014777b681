// The convolutions of two networks, as the benchmarks take them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sim/kernels/conv_shape.hpp"

namespace precsim::bench {

/// Square images and kernels, padding kernel / 2; `multiplicity` layers of the network have this shape.
struct Layer {
  std::string_view name;
  std::int64_t ic, oc, kernel, stride, size;
  int multiplicity;
};

/// Its first layer needs no input gradient.
struct Network {
  std::string_view name;
  std::int64_t batch;
  std::span<const Layer> layers;
};

inline constexpr Layer resnet50_layers[] = {
    {"conv1_7x7s2", 3, 64, 7, 2, 224, 1},        {"s2_1x1_64_64", 64, 64, 1, 1, 56, 1},
    {"s2_1x1_256_64", 256, 64, 1, 1, 56, 2},     {"s2_3x3_64", 64, 64, 3, 1, 56, 3},
    {"s2_1x1_64_256", 64, 256, 1, 1, 56, 4},     {"s3_1x1_256_128", 256, 128, 1, 1, 56, 1},
    {"s3_3x3s2_128", 128, 128, 3, 2, 56, 1},     {"s3_1x1s2_256_512", 256, 512, 1, 2, 56, 1},
    {"s3_1x1_128_512", 128, 512, 1, 1, 28, 4},   {"s3_1x1_512_128", 512, 128, 1, 1, 28, 3},
    {"s3_3x3_128", 128, 128, 3, 1, 28, 3},       {"s4_1x1_512_256", 512, 256, 1, 1, 28, 1},
    {"s4_3x3s2_256", 256, 256, 3, 2, 28, 1},     {"s4_1x1s2_512_1024", 512, 1024, 1, 2, 28, 1},
    {"s4_1x1_256_1024", 256, 1024, 1, 1, 14, 6}, {"s4_1x1_1024_256", 1024, 256, 1, 1, 14, 5},
    {"s4_3x3_256", 256, 256, 3, 1, 14, 5},       {"s5_1x1_1024_512", 1024, 512, 1, 1, 14, 1},
    {"s5_3x3s2_512", 512, 512, 3, 2, 14, 1},     {"s5_1x1s2_1024_2048", 1024, 2048, 1, 2, 14, 1},
    {"s5_1x1_512_2048", 512, 2048, 1, 1, 7, 3},  {"s5_1x1_2048_512", 2048, 512, 1, 1, 7, 2},
    {"s5_3x3_512", 512, 512, 3, 1, 7, 2},
};

inline constexpr Layer resnet20_layers[] = {
    {"conv1_3x3", 3, 16, 3, 1, 32, 1},       {"s1_3x3_16", 16, 16, 3, 1, 32, 6},
    {"s2_3x3s2_16_32", 16, 32, 3, 2, 32, 1}, {"s2_3x3_32", 32, 32, 3, 1, 16, 5},
    {"s3_3x3s2_32_64", 32, 64, 3, 2, 16, 1}, {"s3_3x3_64", 64, 64, 3, 1, 8, 5},
};

inline constexpr Network networks[] = {{"resnet50", 16, resnet50_layers}, {"resnet20", 128, resnet20_layers}};

constexpr kernels::ConvShape conv_shape(const Layer& layer, std::int64_t batch) {
  return {batch,        layer.size,   layer.size,   layer.ic,         layer.oc,
          layer.kernel, layer.kernel, layer.stride, layer.kernel / 2, 1};
}

}  // namespace precsim::bench
