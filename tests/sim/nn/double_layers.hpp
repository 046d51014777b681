// Layers in double precision, written from their definitions: the oracle for outputs and gradients.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "formats/random_bits.hpp"
#include "sim/nn/product_layer.hpp"
#include "sim/nn/tensor.hpp"

namespace precsim::nn::exactly {

struct Array {
  Shape shape;
  std::vector<double> values;

  Array() = default;
  explicit Array(const Shape& s) : shape(s), values(static_cast<std::size_t>(s.size())) {}
  Array(const Shape& s, std::span<const float> v) : shape(s), values(v.begin(), v.end()) {}
  double& at(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
    return values[static_cast<std::size_t>(((n * shape.h + h) * shape.w + w) * shape.c + c)];
  }
  double at(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    return values[static_cast<std::size_t>(((n * shape.h + h) * shape.w + w) * shape.c + c)];
  }
};

/// Calls f(n, oh, ow, oc, kh, kw, ic of the group, h, w, ic) for every product of a convolution that is not padding.
template <class F>
void for_products(const Shape& x, const Shape& y, const Conv2dOptions& o, F f) {
  const std::int64_t group_ic = x.c / o.groups;
  for (std::int64_t n = 0; n < y.n; ++n)
    for (std::int64_t oh = 0; oh < y.h; ++oh)
      for (std::int64_t ow = 0; ow < y.w; ++ow)
        for (std::int64_t oc = 0; oc < y.c; ++oc)
          for (std::int64_t r = 0; r < o.kernel; ++r)
            for (std::int64_t s = 0; s < o.kernel; ++s) {
              const std::int64_t h = oh * o.stride + r - o.pad;
              const std::int64_t w = ow * o.stride + s - o.pad;
              if (h < 0 || h >= x.h || w < 0 || w >= x.w) continue;
              for (std::int64_t c = 0; c < group_ic; ++c)
                f(n, oh, ow, oc, r, s, c, h, w, oc / (y.c / o.groups) * group_ic + c);
            }
}

/// weight: shape (oc, kernel, kernel, ic / groups); bias: empty or one per channel.
inline Array conv(const Array& x, const Array& weight, std::span<const double> bias, const Conv2dOptions& o) {
  Array y({x.shape.n, (x.shape.h + 2 * o.pad - o.kernel) / o.stride + 1,
           (x.shape.w + 2 * o.pad - o.kernel) / o.stride + 1, o.channels});
  for (std::size_t i = 0; i < y.values.size() && !bias.empty(); ++i) {
    y.values[i] = bias[i % bias.size()];
  }
  for_products(x.shape, y.shape, o,
               [&](auto n, auto oh, auto ow, auto oc, auto r, auto s, auto c, auto h, auto w, auto ic) {
                 y.at(n, oh, ow, oc) += x.at(n, h, w, ic) * weight.at(oc, r, s, c);
               });
  return y;
}

struct ProductGradients {
  Array input, weight;
  std::vector<double> bias;
};
inline ProductGradients conv_backward(const Array& x, const Array& weight, const Array& dy, const Conv2dOptions& o) {
  ProductGradients g{Array(x.shape), Array(weight.shape), std::vector<double>(static_cast<std::size_t>(o.channels))};
  for (std::size_t i = 0; i < dy.values.size(); ++i) {
    g.bias[i % g.bias.size()] += dy.values[i];
  }
  for_products(x.shape, dy.shape, o,
               [&](auto n, auto oh, auto ow, auto oc, auto r, auto s, auto c, auto h, auto w, auto ic) {
                 g.input.at(n, h, w, ic) += dy.at(n, oh, ow, oc) * weight.at(oc, r, s, c);
                 g.weight.at(oc, r, s, c) += dy.at(n, oh, ow, oc) * x.at(n, h, w, ic);
               });
  return g;
}

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
inline Eigen::Map<const Rows> rows_of(const Array& a) {
  return {a.values.data(), a.shape.n, a.shape.h * a.shape.w * a.shape.c};
}
inline Eigen::Map<Rows> rows_of(Array& a) {
  return {a.values.data(), a.shape.n, a.shape.h * a.shape.w * a.shape.c};
}
/// weight: shape (features, 1, 1, inputs).
inline Array linear(const Array& x, const Array& weight, std::span<const double> bias) {
  Array y({x.shape.n, 1, 1, weight.shape.n});
  rows_of(y) = rows_of(x) * rows_of(weight).transpose();
  for (std::size_t i = 0; i < y.values.size() && !bias.empty(); ++i) {
    y.values[i] += bias[i % bias.size()];
  }
  return y;
}
inline ProductGradients linear_backward(const Array& x, const Array& weight, const Array& dy) {
  ProductGradients g{Array(x.shape), Array(weight.shape), std::vector<double>(static_cast<std::size_t>(dy.shape.c))};
  rows_of(g.input) = rows_of(dy) * rows_of(weight);
  rows_of(g.weight) = rows_of(dy).transpose() * rows_of(x);
  const Eigen::RowVectorXd bias = rows_of(dy).colwise().sum();
  std::copy_n(bias.data(), g.bias.size(), g.bias.begin());
  return g;
}

inline Array relu(Array x) {
  for (double& v : x.values) {
    v = std::max(v, 0.0);
  }
  return x;
}

/// Windows of one side of `length` pixels.
inline std::int64_t windows(std::int64_t length, const PoolOptions& o) {
  std::int64_t count = 0;
  const auto holds = [&](std::int64_t first) {
    return first + o.size <= length + 2 * o.pad ||
           (o.ceil && first - o.stride + o.size < length + 2 * o.pad && first < length + o.pad);
  };
  for (std::int64_t first = 0; holds(first); first += o.stride) ++count;
  return count;
}

/// size 0: one window over the image. `winners` (may be null) takes the element each maximum came from.
inline Array pool(const Array& x, const PoolOptions& o, bool maximum, std::vector<std::size_t>* winners = nullptr) {
  const bool whole = o.size == 0;
  const std::int64_t rows = whole ? x.shape.h : o.size;
  const std::int64_t columns = whole ? x.shape.w : o.size;
  Array y({x.shape.n, whole ? 1 : windows(x.shape.h, o), whole ? 1 : windows(x.shape.w, o), x.shape.c});
  for (std::int64_t n = 0; n < y.shape.n; ++n)
    for (std::int64_t h = 0; h < y.shape.h; ++h)
      for (std::int64_t w = 0; w < y.shape.w; ++w)
        for (std::int64_t c = 0; c < y.shape.c; ++c) {
          double largest = -1e300;
          double sum = 0;
          std::int64_t winner = 0;
          std::int64_t count = 0;
          for (std::int64_t r = h * o.stride - o.pad; r < h * o.stride - o.pad + rows; ++r)
            for (std::int64_t s = w * o.stride - o.pad; s < w * o.stride - o.pad + columns; ++s) {
              count += r < x.shape.h + o.pad && s < x.shape.w + o.pad ? 1 : 0;
              if (r < 0 || s < 0 || r >= x.shape.h || s >= x.shape.w) continue;
              const double value = x.at(n, r, s, c);
              winner = value > largest ? ((n * x.shape.h + r) * x.shape.w + s) * x.shape.c + c : winner;
              largest = std::max(largest, value);
              sum += value;
            }
          y.at(n, h, w, c) = maximum ? largest : sum / static_cast<double>(count);
          if (winners != nullptr) winners->push_back(static_cast<std::size_t>(winner));
        }
  return y;
}

inline Array lrn(const Array& x, std::int64_t size, double alpha, double k) {
  Array y(x.shape);
  for (std::int64_t i = 0; i < x.shape.size(); ++i) {
    double sum = 0;
    for (std::int64_t j = i - size / 2; j <= i + size / 2; ++j) {
      const bool same_pixel = j >= 0 && j / x.shape.c == i / x.shape.c;
      sum += same_pixel ? std::pow(x.values[static_cast<std::size_t>(j)], 2) : 0.0;
    }
    const auto at = static_cast<std::size_t>(i);
    y.values[at] = x.values[at] * std::pow(k + alpha / static_cast<double>(size) * sum, -0.75);
  }
  return y;
}

inline Array dropout(Array x, double rate, const formats::RandomBits& bits) {
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    x.values[i] = bits.word(i) * 0x1p-32 < rate ? 0 : x.values[i] / (1 - rate);
  }
  return x;
}

inline Array batch_norm(const Array& x, std::span<const double> gamma, std::span<const double> beta) {
  Array y(x.shape);
  const auto channels = static_cast<std::size_t>(x.shape.c);
  const auto count = static_cast<double>(x.shape.pixels());
  for (std::size_t c = 0; c < channels; ++c) {
    double mean = 0;
    double variance = 0;
    for (std::size_t i = c; i < x.values.size(); i += channels) {
      mean += x.values[i] / count;
    }
    for (std::size_t i = c; i < x.values.size(); i += channels) {
      variance += (x.values[i] - mean) * (x.values[i] - mean) / count;
    }
    for (std::size_t i = c; i < x.values.size(); i += channels) {
      y.values[i] = (x.values[i] - mean) / std::sqrt(variance + 1e-5) * gamma[c] + beta[c];
    }
  }
  return y;
}

inline Array add(const Array& a, const Array& b) {
  Array y(a.shape);
  for (std::size_t i = 0; i < y.values.size(); ++i) y.values[i] = a.values[i] + b.values[i];
  return y;
}

inline Array shortcut(const Array& x, std::int64_t channels, std::int64_t stride) {
  Array y({x.shape.n, (x.shape.h - 1) / stride + 1, (x.shape.w - 1) / stride + 1, channels});
  for (std::int64_t n = 0; n < y.shape.n; ++n)
    for (std::int64_t h = 0; h < y.shape.h; ++h)
      for (std::int64_t w = 0; w < y.shape.w; ++w)
        for (std::int64_t c = 0; c < x.shape.c; ++c) y.at(n, h, w, c) = x.at(n, h * stride, w * stride, c);
  return y;
}

inline Array concat(const std::vector<Array>& inputs) {
  Shape shape = inputs[0].shape;
  shape.c = 0;
  for (const Array& x : inputs) shape.c += x.shape.c;
  Array y(shape);
  for (std::int64_t p = 0; p < shape.pixels(); ++p) {
    std::int64_t at = p * shape.c;
    for (const Array& x : inputs)
      for (std::int64_t c = 0; c < x.shape.c; ++c)
        y.values[static_cast<std::size_t>(at++)] = x.values[static_cast<std::size_t>(p * x.shape.c + c)];
  }
  return y;
}

/// Mean softmax cross-entropy and its gradient.
inline double cross_entropy(const Array& logits, std::span<const std::int32_t> labels, Array* gradient = nullptr) {
  const auto classes = static_cast<std::size_t>(logits.shape.c);
  double loss = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double* x = logits.values.data() + i * classes;
    double sum = 0;
    for (std::size_t j = 0; j < classes; ++j) {
      sum += std::exp(x[j]);
    }
    loss += std::log(sum) - x[labels[i]];
    for (std::size_t j = 0; gradient != nullptr && j < classes; ++j) {
      gradient->values[i * classes + j] = (std::exp(x[j]) / sum - (static_cast<std::int32_t>(j) == labels[i] ? 1 : 0)) /
                                          static_cast<double>(labels.size());
    }
  }
  return loss / static_cast<double>(labels.size());
}

}  // namespace precsim::nn::exactly
