// Tensors that are computed when they are read: in any runs, within the bounds they claim, by any step the same.
#include <gtest/gtest.h>

#include <cmath>

#include "formats/error.hpp"
#include "sim/nn/dropout.hpp"
#include "sim/nn/elementwise_layers.hpp"
#include "sim/nn/merge_layers.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

Tensor noise(const Shape& shape, std::uint64_t seed) {
  Tensor tensor(shape);
  support::Sample sample(seed);
  for (float& x : tensor.values) {
    x = sample.normal_float(-3, 2);
  }
  return tensor;
}

/// With statistics, as a product leaves it.
SourcePtr product_of(const Shape& shape, std::uint64_t seed) {
  auto stored = std::make_shared<Stored>(noise(shape, seed));
  stored->statistics = std::make_shared<kernels::native::ChannelStatistics>(channel_statistics(*stored, nullptr));
  return stored;
}

SourcePtr codes_of(const Shape& shape, std::uint64_t seed, const char* format = "dfp16:headroom=1") {
  return std::make_shared<Stored>(
      Quantizer("layer", Role::activations).store(Stored(noise(shape, seed)), formats::parse_conversion(format), {}));
}

struct Named {
  std::string name;
  SourcePtr source;
};

/// A batch norm with factors and offsets of its own.
std::unique_ptr<Layer> normalizer(std::int64_t channels) {
  std::unique_ptr<Layer> layer = batch_norm("bn", channels);
  layer->configure(layer->traits(), PrecisionPlan().layer(layer->traits()));
  for (Parameter* parameter : layer->parameters()) {
    parameter->values = vector_of(noise({1, 1, 1, channels}, 12).values);
  }
  return layer;
}

/// What `layer` makes of its inputs, and of a gradient.
void pass_through(Layer& layer, const std::vector<SourcePtr>& inputs, const SourcePtr& kept, std::vector<Named>& all) {
  layer.configure(layer.traits(), PrecisionPlan().layer(layer.traits()));
  const StepContext context;
  const SourcePtr y = layer.forward(inputs, context);
  all.push_back({std::string(layer.kind()), y});
  const auto output = kept != nullptr ? kept : source_of(evaluate(*y));
  layer.keep_output(std::dynamic_pointer_cast<const Stored>(output));
  for (const SourcePtr& gradient : layer.backward(source_of(noise(y->shape(), 77)), context)) {
    all.push_back({std::string(layer.kind()) + " backward", gradient});
  }
}

std::vector<Named> sources() {
  std::vector<Named> all;
  const Shape shape{3, 6, 7, 19};
  const SourcePtr x = product_of(shape, 1);
  const SourcePtr codes = codes_of(shape, 2);
  all.push_back({"codes", codes});
  all.push_back({"codes of a tiny exponent", codes_of({1, 1, 4, 3}, 3, "dfp16")});
  pass_through(*relu("relu"), {x}, nullptr, all);
  pass_through(*relu("relu"), {codes}, codes, all);
  pass_through(*normalizer(shape.c), {x}, nullptr, all);
  pass_through(*add("add"), {x, codes}, nullptr, all);
  pass_through(*shortcut("shortcut", 32, 2), {codes}, nullptr, all);
  pass_through(*concat("concat"), {x, codes, x}, nullptr, all);
  pass_through(*dropout("dropout", 0.3), {x}, nullptr, all);
  pass_through(*flatten("flatten"), {codes}, nullptr, all);
  // Chains, as a residual block has them.
  const auto normal = normalizer(shape.c);
  const SourcePtr y =
      relu("relu")->forward(std::vector<SourcePtr>{add("add")->forward(
                                std::vector<SourcePtr>{normal->forward(std::vector<SourcePtr>{x}, {}), codes}, {})},
                            {});
  all.push_back({"block", y});
  const auto last = relu("relu");
  last->keep_output(std::dynamic_pointer_cast<const Stored>(codes));
  all.push_back({"block backward", normal->backward(last->backward(source_of(noise(shape, 5)), {})[0], {})[0]});
  return all;
}

TEST(Source, GivesTheSameNumbersInRunsOfAnyLength) {
  std::size_t tested = 0;
  for (const Named& named : sources()) {
    const Tensor whole = evaluate(*named.source);
    const std::int64_t c = whole.shape.c;
    for (const std::int64_t run : {std::int64_t{1}, std::int64_t{5}, whole.shape.pixels()}) {
      for (std::int64_t first = 0; first < whole.shape.pixels(); first += run) {
        const std::int64_t count = std::min(run, whole.shape.pixels() - first);
        std::vector<float> room(static_cast<std::size_t>(count * c), -7.0f);
        const float* const numbers = named.source->read(first, count, room.data());
        ASSERT_EQ(bits_of({numbers, room.size()}), bits_of({whole.values.data() + first * c, room.size()}))
            << named.name << ", pixels " << first << " to " << first + count;
      }
    }
    ++tested;
  }
  EXPECT_GE(tested, 20u);
}

TEST(Source, LiesWithinTheBoundsItClaims) {
  int ranges = 0;
  int bounds = 0;
  for (const Named& named : sources()) {
    const Tensor whole = evaluate(*named.source);
    const auto [least, most] = std::ranges::minmax(whole.values);
    float absmax = 0;
    for (const float value : whole.values) {
      absmax = std::max(absmax, std::abs(value));
    }
    if (const std::optional<Range> range = named.source->range()) {
      EXPECT_EQ(range->min, least) << named.name;
      EXPECT_EQ(range->max, most) << named.name;
      ++ranges;
    }
    if (const std::optional<AbsmaxBounds> found = named.source->absmax_bounds()) {
      EXPECT_LE(found->least, absmax) << named.name;
      EXPECT_GE(found->most, absmax) << named.name;
      ++bounds;
    }
  }
  EXPECT_GE(ranges, 2) << "ReLU and batch norm of a product";
  EXPECT_GE(bounds, ranges + 2) << "batch norm backward";
}

TEST(Source, OfWhatIsNotFiniteClaimsNothing) {
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    Tensor x = noise({2, 3, 3, 4}, 1);
    x.values[17] = bad;
    auto stored = std::make_shared<Stored>(x);
    stored->statistics = std::make_shared<kernels::native::ChannelStatistics>(channel_statistics(*stored, nullptr));
    EXPECT_FALSE(stored->range());
    const auto layer = normalizer(4);
    const SourcePtr y = layer->forward(std::vector<SourcePtr>{stored}, {});
    EXPECT_FALSE(y->range());
    EXPECT_FALSE(relu("relu")->forward(std::vector<SourcePtr>{y}, {})->range());
    EXPECT_FALSE(layer->backward(source_of(noise({2, 3, 3, 4}, 2)), {})[0]->absmax_bounds());
  }
  Tensor dy = noise({2, 3, 3, 4}, 2);
  dy.values[5] = std::nanf("");
  const auto layer = normalizer(4);
  layer->forward(std::vector<SourcePtr>{product_of({2, 3, 3, 4}, 3)}, {});
  EXPECT_FALSE(layer->backward(source_of(dy), {})[0]->absmax_bounds());
}

/// Bounds are no claim where a difference inside overflows, however small the factor behind it is.
TEST(Source, OfWhatOverflowsInsideClaimsNothing) {
  for (const float gamma : {1e-12f, 1e-20f}) {
    Tensor x({4, 1, 1, 1});
    x.values = {1e-3f, -1e-3f, 1e-3f, -1e-3f};
    auto stored = std::make_shared<Stored>(x);
    stored->statistics = std::make_shared<kernels::native::ChannelStatistics>(channel_statistics(*stored, nullptr));
    const auto layer = normalizer(1);
    layer->parameters()[0]->values = {gamma};
    layer->forward(std::vector<SourcePtr>{stored}, {});
    Tensor dy({4, 1, 1, 1});
    dy.values = {3e38f, -2.5e38f, -2.5e38f, 0};
    const SourcePtr dx = layer->backward(source_of(dy), {})[0];
    EXPECT_FALSE(dx->absmax_bounds());
    EXPECT_THROW(Quantizer("conv", Role::errors).store(*dx, formats::parse_conversion("dfp16"), {}), NonFinite);
  }
}

/// Every kind of layer between products.
NetworkBuilder branched_model() {
  NetworkBuilder net({1, 8, 8, 2}, 5);
  net.conv2d("conv1", {.channels = 8, .kernel = 3, .pad = 1, .bias = false});
  net.batch_norm("bn1");
  const int x = net.relu("relu1");
  net.conv2d("conv2", {.channels = 8, .kernel = 3, .pad = 1, .bias = false});
  const int branch = net.batch_norm("bn2");
  net.add("add", branch, x);
  const int y = net.relu("relu2");
  const int left = net.conv2d("left", {.channels = 6, .kernel = 1}, y);
  const int pool = net.max_pool("pool", {.size = 3, .stride = 1, .pad = 1}, y);
  const int right = net.conv2d("right", {.channels = 5, .kernel = 1}, pool);
  net.concat("concat", {left, right, net.shortcut("shortcut", 9, 1, x)});
  net.dropout("dropout", 0.2);
  net.relu("relu3");
  net.lrn("lrn", {});
  net.conv2d("conv3", {.channels = 8, .kernel = 3, .stride = 2, .groups = 2});
  net.flatten("flatten");
  net.relu("relu4");
  net.linear("fc", net.classes());
  return net;
}

/// A step that reports its tensors has them all in memory; one that does not takes every short cut.
TEST(Source, AStepThatIsRecordedGivesTheBitsOfOneThatIsNot) {
  for (const char* plan : {"fp32", "bf16", "dfp16", "dfp16_paper", "dfp8"}) {
    std::vector<std::string> hashes;
    for (const std::int64_t stats_every : {1, 0}) {
      for (const kernels::Engine engine : {kernels::Engine::simulate, kernels::Engine::native}) {
        TrainingOptions options = few_steps(6);
        options.stats_every = stats_every;
        options.engine = engine;
        const Trained run = train(branched_model(), PrecisionPlan(plan), options, pictures(48));
        ASSERT_EQ(run.result.outcome, Outcome::finished) << run.result.message;
        hashes.push_back(run.hash);
      }
    }
    for (const std::string& hash : hashes) {
      EXPECT_EQ(hash, hashes[0]) << plan;
    }
  }
}

/// The gradient of a ReLU must see which elements are stored as zeros.
TEST(Source, ReluBehindWhichElementsMoveIsRefusedWhereTheyAreQuantized) {
  const auto build = [](const char* plan, bool relu_last) {
    NetworkBuilder net({1, 8, 8, 2}, 5);
    net.conv2d("conv", {.channels = 4, .kernel = 3});
    if (!relu_last) net.relu("relu");
    net.flatten("flatten");
    if (relu_last) net.relu("relu");
    net.linear("fc", net.classes());
    const Network network(std::move(net), PrecisionPlan(plan), true);
  };
  EXPECT_THROW(build("dfp16", false), UserError);
  EXPECT_NO_THROW(build("dfp16", true));
  EXPECT_NO_THROW(build("fp32", false)) << "nothing is stored as zero that is not";
}

TEST(Source, AnAuxiliaryOutputMayBeReadByALayer) {
  NetworkBuilder net({1, 8, 8, 2}, 5);
  net.flatten("flatten");
  net.auxiliary_output(net.linear("first", 5), 0.3);
  net.linear("second", net.classes());
  const Trained run = train(std::move(net), PrecisionPlan("dfp16"), few_steps(2));
  EXPECT_EQ(run.result.outcome, Outcome::finished) << run.result.message;
}

TEST(Source, StepsAfterTheFirstTakeNoNewMemory) {
  Network network(branched_model(), PrecisionPlan("dfp16"), true);
  TrainingOptions options = few_steps(8);
  options.stats_every = 0;
  struct Watch final : Observer {
    explicit Watch(const StepMemory& m) : memory(m) {}
    void on_step(const StepReport&) override {
      held.push_back(memory.held());
      used.push_back(memory.used());
    }
    const StepMemory& memory;
    std::vector<std::size_t> held, used;
  } watch(network.memory());
  Trainer(options, network, pictures(64)).run(watch);
  ASSERT_EQ(watch.held.size(), 8u);
  EXPECT_GT(watch.held[0], 0u);
  // The first and the last step are recorded.
  for (std::size_t i = 2; i + 1 < watch.held.size(); ++i) {
    EXPECT_EQ(watch.held[i], watch.held[1]) << "step " << i;
    EXPECT_EQ(watch.used[i], watch.used[1]) << "step " << i;
  }
}

}  // namespace
}  // namespace precsim::nn
