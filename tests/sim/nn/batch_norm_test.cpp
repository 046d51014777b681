// Sums over pixels and batch normalization, recomputed by hand in every bit.
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>

#include "sim/nn/elementwise_layers.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

std::vector<float> noise(std::size_t size, std::uint64_t seed, float offset = 0.3f) {
  support::Sample sample(seed);
  std::vector<float> values(size);
  for (float& value : values) {
    value = static_cast<float>(sample.word()) * 0x1p-31f - 1.0f + offset;
  }
  return values;
}

/// The order of numerics 6, one channel: blocks of 56 in FP32, their partials in double.
double block_sum(std::span<const float> terms) {
  double sum = 0;
  float partial = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    partial = i % 56 == 0 ? 0.0f + terms[i] : partial + terms[i];
    if (i % 56 == 55 || i + 1 == terms.size()) {
      sum = sum + static_cast<double>(partial);
    }
  }
  return sum;
}

TEST(ChannelSums, AreBlocksOf56PixelsJoinedInDouble) {
  int unlike_one_float_sum = 0;
  int unlike_one_double_sum = 0;
  for (const std::size_t pixels : {1, 2, 55, 56, 57, 111, 112, 113, 200, 1000}) {
    for (const std::size_t channels : {1, 3}) {
      const std::vector<float> values = noise(pixels * channels, pixels);
      const View source(values, {1, 1, static_cast<std::int64_t>(pixels), static_cast<std::int64_t>(channels)});
      const std::vector<double> sums = channel_sums(source, nullptr);
      ASSERT_EQ(sums.size(), channels);
      for (std::size_t c = 0; c < channels; ++c) {
        std::vector<float> terms;
        float plain = 0;
        double precise = 0;
        for (std::size_t p = 0; p < pixels; ++p) {
          terms.push_back(values[p * channels + c]);
          plain += terms.back();
          precise += static_cast<double>(terms.back());
        }
        EXPECT_EQ(sums[c], block_sum(terms)) << pixels << " pixels, channel " << c;
        unlike_one_float_sum += sums[c] != static_cast<double>(plain) ? 1 : 0;
        unlike_one_double_sum += sums[c] != precise ? 1 : 0;
      }
    }
  }
  EXPECT_GT(unlike_one_float_sum, 5);
  EXPECT_GT(unlike_one_double_sum, 5);
}

TEST(ChannelSums, DoNotDependOnThreads) {
  const std::vector<float> values = noise(20000 * 5, 1);
  const View source(values, {20000, 1, 1, 5});
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const std::vector<double> one = channel_sums(source, nullptr);
  omp_set_num_threads(3);
  EXPECT_EQ(channel_sums(source, nullptr), one);
  omp_set_num_threads(before);
}

/// The documented operation sequence for one channel.
struct ByHand {
  float mean, inv_std, scale, shift, running_mean, running_variance;

  ByHand(const std::vector<float>& x, float gamma, float beta) {
    std::vector<float> squares;
    for (const float value : x) {
      squares.push_back(value * value);
    }
    const auto count = static_cast<double>(x.size());
    const double exact_mean = block_sum(x) / count;
    const double variance = std::max(0.0, block_sum(squares) / count - exact_mean * exact_mean);
    mean = static_cast<float>(exact_mean);
    inv_std = static_cast<float>(1 / std::sqrt(variance + 1e-5));
    scale = gamma * inv_std;
    shift = beta - mean * scale;
    running_mean = 0.0f + (mean - 0.0f) * 0.1f;
    running_variance = 1.0f + (static_cast<float>(variance * (count / (count - 1))) - 1.0f) * 0.1f;
  }
};

class BatchNormBits : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    layer_ = batch_norm("bn", shape().c);
    layer_->configure(layer_->traits(), PrecisionPlan().layer(layer_->traits()));
    const std::vector<Parameter*> parameters = layer_->parameters();
    parameters[0]->values = noise(channels(), 10, 1);
    parameters[1]->values = noise(channels(), 11);
    Tensor x;
    x.shape = shape();
    x.values = noise(static_cast<std::size_t>(shape().size()), 12);
    input_ = std::make_shared<Stored>(std::move(x));
  }
  static Shape shape() { return GetParam(); }
  static std::size_t channels() { return static_cast<std::size_t>(shape().c); }
  static std::vector<float> channel(std::span<const float> values, std::size_t c) {
    std::vector<float> own;
    for (std::size_t i = c; i < values.size(); i += channels()) {
      own.push_back(values[i]);
    }
    return own;
  }
  ByHand by_hand(std::size_t c) {
    return {channel(input_->values(), c), layer_->parameters()[0]->values[c], layer_->parameters()[1]->values[c]};
  }
  Tensor forward(bool training) {
    StepContext context;
    context.training = training;
    return evaluate(*layer_->forward(std::vector<SourcePtr>{input_}, context));
  }

  std::unique_ptr<Layer> layer_;
  StoredPtr input_;
};

TEST_P(BatchNormBits, ForwardIsTheDocumentedSequence) {
  const Tensor y = forward(true);
  for (std::size_t c = 0; c < channels(); ++c) {
    const ByHand expected = by_hand(c);
    const std::vector<float> x = channel(input_->values(), c);
    std::vector<float> outputs;
    for (const float value : x) {
      outputs.push_back(value * expected.scale + expected.shift);
    }
    EXPECT_EQ(bits_of(channel(y.values, c)), bits_of(outputs)) << "channel " << c;
  }
}

TEST_P(BatchNormBits, BackwardIsTheDocumentedSequence) {
  forward(true);
  Tensor dy(shape());
  dy.values = noise(dy.values.size(), 13);
  const Tensor gradient = evaluate(*layer_->backward(std::make_shared<Stored>(dy), {})[0]);
  for (std::size_t c = 0; c < channels(); ++c) {
    const ByHand forward = by_hand(c);
    const std::vector<float> x = channel(input_->values(), c);
    const std::vector<float> errors = channel(dy.values, c);
    std::vector<float> xhat;
    std::vector<float> products;
    for (std::size_t i = 0; i < x.size(); ++i) {
      xhat.push_back((x[i] - forward.mean) * forward.inv_std);
      products.push_back(errors[i] * xhat[i]);
    }
    const auto count = static_cast<double>(x.size());
    const auto mean_error = static_cast<float>(block_sum(errors) / count);
    const auto mean_product = static_cast<float>(block_sum(products) / count);
    std::vector<float> dx;
    for (std::size_t i = 0; i < x.size(); ++i) {
      dx.push_back(forward.scale * ((errors[i] - mean_error) - xhat[i] * mean_product));
    }
    EXPECT_EQ(bits_of(channel(gradient.values, c)), bits_of(dx)) << "channel " << c;
    EXPECT_EQ(layer_->parameters()[0]->gradient[c], static_cast<float>(block_sum(products)));
    EXPECT_EQ(layer_->parameters()[1]->gradient[c], static_cast<float>(block_sum(errors)));
  }
}

TEST_P(BatchNormBits, RunningStatisticsMoveByATenthAndServeEvaluation) {
  forward(true);
  const std::vector<Buffer> buffers = layer_->buffers();
  ASSERT_EQ(buffers.size(), 2u);
  for (std::size_t c = 0; c < channels(); ++c) {
    EXPECT_EQ((*buffers[0].values)[c], by_hand(c).running_mean);
    EXPECT_EQ((*buffers[1].values)[c], by_hand(c).running_variance);
  }
  const std::vector<float> mean = *buffers[0].values;
  const std::vector<float> variance = *buffers[1].values;
  const Tensor y = forward(false);
  EXPECT_EQ(*buffers[0].values, mean) << "evaluation changes nothing";
  EXPECT_EQ(*buffers[1].values, variance);
  for (std::size_t c = 0; c < channels(); ++c) {
    const float inv_std = static_cast<float>(1 / std::sqrt(static_cast<double>(variance[c]) + 1e-5));
    const float scale = layer_->parameters()[0]->values[c] * inv_std;
    const float shift = layer_->parameters()[1]->values[c] - mean[c] * scale;
    std::vector<float> outputs;
    for (const float value : channel(input_->values(), c)) {
      outputs.push_back(value * scale + shift);
    }
    EXPECT_EQ(bits_of(channel(y.values, c)), bits_of(outputs));
  }
}

// 2 pixels; just below, at and above one block; several blocks.
INSTANTIATE_TEST_SUITE_P(Sizes, BatchNormBits,
                         ::testing::Values(Shape{2, 1, 1, 3}, Shape{5, 11, 1, 2}, Shape{1, 7, 8, 2}, Shape{3, 19, 1, 2},
                                           Shape{4, 9, 9, 5}));

TEST(BatchNorm, AConstantChannelHasNoVarianceAndStaysFinite) {
  const auto layer = batch_norm("bn", 1);
  layer->configure(layer->traits(), PrecisionPlan().layer(layer->traits()));
  Tensor x({8, 3, 3, 1});
  x.values.fill(0.1f);
  const Tensor y = evaluate(*layer->forward(std::vector<SourcePtr>{std::make_shared<Stored>(x)}, {}));
  for (const float value : y.values) {
    EXPECT_NEAR(value, 0, 1e-4);
  }
  const Tensor gradient = evaluate(*layer->backward(std::make_shared<Stored>(y), {})[0]);
  for (const float g : gradient.values) {
    EXPECT_TRUE(std::isfinite(g));
  }
}

TEST(BatchNorm, EvaluationReadsRunningStatisticsAndChangesNothing) {
  TrainingOptions options = few_steps(3);
  const data::ImageShape shape{8, 8, 2};
  const auto run = [&](std::int64_t test_images) {
    return train(normalized_model(), PrecisionPlan(), options,
                 {std::make_shared<Pictures>(32, shape, 5), std::make_shared<Pictures>(test_images, shape, 5)});
  };
  const Trained whole = run(10);
  EXPECT_EQ(run(3).hash, whole.hash);
  options.eval_batch = 1;
  const Trained one_by_one = run(10);
  EXPECT_EQ(one_by_one.hash, whole.hash);
  EXPECT_NEAR(one_by_one.result.evaluation.loss, whole.result.evaluation.loss, 1e-12)
      << "no image depends on the others of its batch";
}

TEST(BatchNorm, RunningStatisticsStartAnewWithEveryInitialization) {
  Network network(normalized_model(), PrecisionPlan(), true);
  const TrainingOptions options = few_steps(2);
  const data::Splits splits = pictures();
  Recorder recorder;
  Trainer trainer(options, network, splits);
  const TrainingResult first = trainer.run(recorder);
  const std::string hash = network.state_hash();
  const TrainingResult second = trainer.run(recorder);
  EXPECT_EQ(network.state_hash(), hash);
  EXPECT_EQ(second.evaluation.loss, first.evaluation.loss);
  EXPECT_EQ(second.totals.all_macs, first.totals.all_macs);
}

}  // namespace
}  // namespace precsim::nn
