// Softmax cross-entropy in double.
#include "sim/nn/loss.hpp"

#include <algorithm>
#include <vector>

#include "formats/elementary.hpp"
#include "formats/exact.hpp"

namespace precsim::nn {
namespace {

/// Classes with a larger logit than the label's, or an equal one in front of it.
std::int64_t ranked_before(const float* x, std::int64_t classes, std::int64_t label) {
  std::int64_t count = 0;
  for (std::int64_t j = 0; j < classes; ++j) {
    count += x[j] > x[label] || (x[j] == x[label] && j < label) ? 1 : 0;
  }
  return count;
}

}  // namespace

LossResult softmax_cross_entropy(const Tensor& logits, std::span<const std::int32_t> labels, double scale) {
  const std::int64_t classes = logits.shape.c;
  const auto n = static_cast<double>(logits.shape.n);
  LossResult result;
  result.gradient = Tensor(logits.shape);
  std::vector<double> e(static_cast<std::size_t>(classes));
  double total = 0;
  for (std::int64_t i = 0; i < logits.shape.n; ++i) {
    const float* x = logits.values.data() + i * classes;
    const std::int64_t label = labels[static_cast<std::size_t>(i)];
    const auto largest = static_cast<double>(*std::max_element(x, x + classes));
    double sum = 0;
    for (std::int64_t j = 0; j < classes; ++j) {
      e[static_cast<std::size_t>(j)] = formats::exp(static_cast<double>(x[j]) - largest);
      sum += e[static_cast<std::size_t>(j)];
    }
    total += formats::log(sum) - (static_cast<double>(x[label]) - largest);
    const std::int64_t before = ranked_before(x, classes, label);
    result.correct += before == 0 ? 1 : 0;
    result.correct5 += before < 5 ? 1 : 0;
    for (std::int64_t j = 0; j < classes; ++j) {
      const double p = e[static_cast<std::size_t>(j)] / sum - (j == label ? 1 : 0);
      result.gradient.values[static_cast<std::size_t>(i * classes + j)] = static_cast<float>(p * (scale / n));
    }
  }
  result.loss = total / n;
  return result;
}

}  // namespace precsim::nn
