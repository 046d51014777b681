// Precision plans: what a setting means, which one wins, and what is refused with which sentence.
#include "sim/nn/precision_plan.hpp"

#include <gmock/gmock.h>

#include "formats/error.hpp"
#include "sim/models/models.hpp"
#include "sim/nn/named_plans.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

LayerTraits product_layer(std::string name) {
  return {.name = std::move(name), .product = true, .saves = true};
}
std::string format_of(const PrecisionPlan& plan, const LayerTraits& traits, Role role, Pass pass = Pass::forward) {
  return plan.layer(traits).of(role, pass).name();
}

/// The sentence with which something is refused, or "" where it is not.
template <class F>
std::string refusal(F f) {
  try {
    f();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}
std::string refused_setting(const std::string& key, const std::string& value) {
  return refusal([&] { PrecisionPlan().set(key, value); });
}
std::string refused_by_model(const Settings& settings, bool momentum = true) {
  const PrecisionPlan plan = plan_with(settings);
  return refusal([&] { const Network network(normalized_model(), plan, momentum); });
}

TEST(PrecisionPlan, EveryNamedPlanResolvesOnEveryModel) {
  std::set<std::string> names;
  for (const NamedPlan& row : named_plans()) {
    const PrecisionPlan plan(row.name);
    names.emplace(row.name);
    for (const models::ModelEntry& model : models::models()) {
      const Shape image{1, std::min<std::int64_t>(model.image.h, 80), std::min<std::int64_t>(model.image.w, 80),
                        model.image.c};
      EXPECT_NO_THROW(Network(models::build_model(model.name, image, 10), plan, true))
          << row.name << " on " << model.name;
    }
  }
  for (const char* name :
       {"fp32", "bf16", "fp16", "dfp16", "dfp16_paper", "dfp12", "dfp8", "dfp4", "flex16+5", "dfxp12"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_EQ(find_plan("fp16").loss_scale, "dynamic");
  EXPECT_THAT(refusal([] { PrecisionPlan plan("dpf16"); }), AllOf(HasSubstr("dfp16"), HasSubstr("fp32")));
}

TEST(PrecisionPlan, AFormatNamesAPlan) {
  EXPECT_EQ(find_plan("dfp6:block=32").settings,
            "weights=dfp6:block=32 activations=dfp6:block=32 errors=dfp6:block=32");
  EXPECT_EQ(find_plan("fp8_e4m3fn").loss_scale, "none");
  EXPECT_EQ(find_plan("dfp16:headroom=0").settings, "weights=dfp16 activations=dfp16 errors=dfp16");
  EXPECT_NE(find_plan("dfp16").settings, find_plan("dfp16:headroom=0").settings);
  EXPECT_EQ(canonical_plan_name("dfp6:headroom=0,block=32"), "dfp6:block=32");
  EXPECT_EQ(canonical_plan_name("dfp16"), "dfp16");
  EXPECT_EQ(canonical_plan_name("dfp8:headroom=0"), "dfp8") << "the named plan is this very format";
  EXPECT_EQ(canonical_plan_name("dfp16:headroom=0"), "dfp16:headroom=0") << "the named plan has headroom";
  EXPECT_EQ(canonical_plan_name("e5m10"), "e5m10") << "the plan fp16 has FP16 outputs and loss scaling, too";
  const auto refused = [](const char* name) { return refusal([&] { PrecisionPlan plan{std::string_view(name)}; }); };
  EXPECT_THAT(refused("dfp6:blok=32"), HasSubstr("blok"));
  EXPECT_THAT(refused("fix8.12"), HasSubstr("operands of products"));
  EXPECT_THAT(refused("dfp99"), AllOf(HasSubstr("unknown precision plan"), HasSubstr("or a format")));
}

TEST(PrecisionPlan, NamedPlansSayWhatTheyAreCalled) {
  const LayerTraits layer = product_layer("conv2");
  for (const Role role : {Role::weights, Role::activations, Role::errors}) {
    const Pass pass = role == Role::errors ? Pass::weight_gradient : Pass::forward;
    EXPECT_EQ(format_of(PrecisionPlan("fp32"), layer, role, pass), "fp32");
    EXPECT_EQ(format_of(PrecisionPlan("bf16"), layer, role, pass), "bf16");
    EXPECT_EQ(format_of(PrecisionPlan("fp16"), layer, role, pass), "fp16");
    EXPECT_EQ(format_of(PrecisionPlan("dfp16"), layer, role, pass), "dfp16:headroom=1");
    EXPECT_EQ(format_of(PrecisionPlan("dfp4"), layer, role, pass), "dfp4");
    EXPECT_EQ(format_of(PrecisionPlan("flex16+5"), layer, role, pass), "flex16+5");
    EXPECT_TRUE(format_of(PrecisionPlan("dfxp12"), layer, role, pass).starts_with("dfxp12:range="));
    for (LayerTraits special : {layer, layer}) {
      special.first_convolution = true;
      EXPECT_EQ(format_of(PrecisionPlan("dfp16_paper"), special, role, pass), "fp32");
    }
    LayerTraits last = layer;
    last.classifier = true;
    EXPECT_EQ(format_of(PrecisionPlan("dfp16_paper"), last, role, pass), "fp32");
    EXPECT_EQ(format_of(PrecisionPlan("dfp16_paper"), layer, role, pass), "dfp16:headroom=1");
  }
  for (const Pass pass : kernels::passes) {
    EXPECT_EQ(PrecisionPlan("dfp16").layer(layer).accumulator(pass).integer.chain, arith::chain_auto);
  }
  EXPECT_EQ(format_of(PrecisionPlan("fp16"), layer, Role::master), "fp32");
}

TEST(PrecisionPlan, LayersBeatSelectorsBeatTheRestInAnyOrder) {
  LayerTraits layer = product_layer("conv1");
  layer.first_convolution = true;
  Settings settings{{"conv1.weights", "dfp4"}, {"first_convolution.weights", "dfp6"}, {"weights", "dfp8"}};
  EXPECT_EQ(format_of(plan_with(settings), layer, Role::weights), "dfp4");
  std::reverse(settings.begin(), settings.end());
  EXPECT_EQ(format_of(plan_with(settings), layer, Role::weights), "dfp4");
  settings = {{"first_convolution.weights", "dfp6"}, {"weights", "dfp8"}};
  EXPECT_EQ(format_of(plan_with(settings), layer, Role::weights), "dfp6");
  EXPECT_EQ(format_of(plan_with(settings), product_layer("conv2"), Role::weights), "dfp8");
  settings = {{"weights", "dfp8"}, {"weights", "dfp10"}};
  EXPECT_EQ(format_of(plan_with(settings), layer, Role::weights), "dfp10") << "the later one wins";
}

TEST(PrecisionPlan, APassBeatsNoPassInOneScopeOnly) {
  const LayerTraits layer = product_layer("conv2");
  PrecisionPlan plan = plan_with({{"weights.forward", "dfp4"}, {"weights", "dfp8"}});
  EXPECT_EQ(format_of(plan, layer, Role::weights, Pass::forward), "dfp4");
  EXPECT_EQ(format_of(plan, layer, Role::weights, Pass::input_gradient), "dfp8");
  plan.set("conv2.weights", "dfp12");
  EXPECT_EQ(format_of(plan, layer, Role::weights, Pass::forward), "dfp12");
  plan = plan_with({{"accumulator.forward", "int32:chain=8"}, {"accumulator", "int32:chain=64"}});
  EXPECT_EQ(plan.layer(layer).accumulator(Pass::forward).integer.chain, 8);
  EXPECT_EQ(plan.layer(layer).accumulator(Pass::weight_gradient).integer.chain, 64);
}

TEST(PrecisionPlan, RoundingIsForRolesWithoutTheirOwn) {
  const LayerTraits layer = product_layer("conv2");
  const PrecisionPlan plan = plan_with({{"weights", "dfp8@toward_zero"},
                                        {"activations", "dfp8"},
                                        {"rounding", "stochastic"},
                                        {"conv2.rounding", "biased"},
                                        {"master", "fix2.10"}});
  EXPECT_EQ(format_of(plan, layer, Role::weights), "dfp8@toward_zero");
  EXPECT_EQ(format_of(plan, layer, Role::activations), "dfp8@biased");
  EXPECT_EQ(format_of(plan, layer, Role::master), "fix2.10@biased");
  EXPECT_EQ(format_of(plan, product_layer("conv3"), Role::activations), "dfp8@stochastic");
}

TEST(PrecisionPlan, TheTableOfRolesIsInTheOrderOfTheEnumeration) {
  ASSERT_EQ(roles().size(), role_count);
  for (std::size_t i = 0; i < role_count; ++i) {
    EXPECT_EQ(static_cast<std::size_t>(roles()[i].role), i);
    EXPECT_EQ(roles()[i].operand, i == 0 || i == 1 || i == 4) << roles()[i].name;
  }
}

TEST(PrecisionPlan, KeysThatMeanNothingAreRefused) {
  EXPECT_THAT(refused_setting("weigths", "dfp8"), AllOf(HasSubstr("plan.weigths"), HasSubstr("'weights'")));
  EXPECT_THAT(refused_setting("conv1.weigths", "dfp8"), HasSubstr("'weights'"));
  EXPECT_THAT(refused_setting("conv1", "dfp8"), HasSubstr("plan.conv1"));
  EXPECT_THAT(refused_setting(".weights", "dfp8"), HasSubstr("plan..weights"));
  EXPECT_THAT(refused_setting("", "dfp8"), HasSubstr("plan."));
  EXPECT_THAT(refused_setting("weights.", "dfp8"), HasSubstr("no pass"));
  EXPECT_THAT(refused_setting("conv1.weights.forward.x", "dfp8"), HasSubstr("plan key"));
  EXPECT_THAT(refused_setting("weights.backward", "dfp8"), HasSubstr("forward, input_gradient and weight_gradient"));
  EXPECT_THAT(refused_setting("rounding.forward", "biased"), HasSubstr("no pass"));
}

TEST(PrecisionPlan, ValuesThatCannotBeHonoredAreRefused) {
  EXPECT_THAT(refused_setting("weights", "dpf8"), HasSubstr("dpf8"));
  EXPECT_THAT(refused_setting("weights", "dfp8@up"), HasSubstr("up"));
  EXPECT_THAT(refused_setting("rounding", "up"), HasSubstr("up"));
  EXPECT_THAT(refused_setting("weights", "dfp8:block=3"), HasSubstr("even"));
  EXPECT_THAT(refused_setting("weights", "fix8.16"), AllOf(HasSubstr("plan.weights"), HasSubstr("16 bits")));
  EXPECT_EQ(refused_setting("outputs", "fix8.16"), "");
  for (const char* role : {"outputs", "saved", "weight_gradients", "updates", "momentum", "master"}) {
    EXPECT_THAT(refused_setting(role, "dfp8:block=4"), AllOf(HasSubstr(role), HasSubstr("blocks"))) << role;
    EXPECT_THAT(refused_setting(role, "dfp8:channel"), HasSubstr("blocks")) << role;
    EXPECT_THAT(refused_setting(std::string(role) + ".forward", "dfp8"), HasSubstr("only operands")) << role;
  }
  EXPECT_THAT(refused_setting("weights.weight_gradient", "dfp8"), HasSubstr("no part"));
  EXPECT_THAT(refused_setting("activations.input_gradient", "dfp8"), HasSubstr("no part"));
  EXPECT_THAT(refused_setting("errors.forward", "dfp8"), HasSubstr("no part"));
}

TEST(PrecisionPlan, ImpossibleAccumulatorsAreRefused) {
  EXPECT_THAT(refused_setting("accumulator", "int32:chain=3"), HasSubstr("chain"));
  EXPECT_THAT(refused_setting("accumulator", "int32:chain=4,atom=pair4"), HasSubstr("8"));
  EXPECT_THAT(refused_setting("accumulator", "int32:chain=0"), HasSubstr("chain"));
  EXPECT_THAT(refused_setting("accumulator", "fp32"), HasSubstr("fp32"));
  EXPECT_NE(refused_setting("float_accumulator", "int32"), "");
  EXPECT_EQ(refused_setting("accumulator.weight_gradient", "int32:chain=inf,overflow=saturate"), "");
}

TEST(PrecisionPlan, SettingsThatTheModelHasNoPlaceForAreRefused) {
  EXPECT_EQ(refused_by_model({{"conv2.weights", "dfp8"}}), "");
  EXPECT_THAT(refused_by_model({{"conv3.weights", "dfp8"}}),
              AllOf(HasSubstr("plan.conv3.weights"), HasSubstr("conv2")));
  EXPECT_THAT(refused_by_model({{"relu1.activations", "dfp8"}}), HasSubstr("relu1 has no activations"));
  EXPECT_THAT(refused_by_model({{"relu1.saved", "dfp8"}}), HasSubstr("relu1 has no saved"));
  EXPECT_THAT(refused_by_model({{"bn1.weights", "dfp8"}}), AllOf(HasSubstr("bn1 has no weights"), HasSubstr("saved")));
  EXPECT_THAT(refused_by_model({{"bn1.master", "dfp8"}}), HasSubstr("bn1 has no master"));
  EXPECT_EQ(refused_by_model({{"bn1.saved", "dfp8"}, {"bn1.rounding", "stochastic"}}), "");
  EXPECT_THAT(refused_by_model({{"conv1.errors.input_gradient", "dfp8"}}), HasSubstr("no input gradient"));
  EXPECT_THAT(refused_by_model({{"first_convolution.accumulator.input_gradient", "int32:chain=8"}}),
              HasSubstr("no input gradient"));
  EXPECT_EQ(refused_by_model({{"conv2.errors.input_gradient", "dfp8"}, {"errors.input_gradient", "dfp8"}}), "");
  EXPECT_THAT(refused_by_model({{"momentum", "dfp8"}}, false), HasSubstr("optimizer.momentum"));
  EXPECT_THAT(refused_by_model({{"conv1.momentum", "dfp8"}}, false), HasSubstr("optimizer.momentum"));
  EXPECT_EQ(refused_by_model({{"momentum", "dfp8"}}, true), "");
}

TEST(PrecisionPlan, SettingsWithoutEffectAreRefused) {
  const Settings integers{{"weights", "dfp8"}, {"activations", "dfp8"}, {"errors", "dfp8"}};
  const auto added = [&](const std::string& key, const std::string& value) {
    Settings settings = integers;
    settings.emplace_back(key, value);
    return refused_by_model(settings);
  };
  EXPECT_THAT(refused_by_model({{"accumulator", "int32:chain=8"}}), HasSubstr("no effect"));
  EXPECT_EQ(added("accumulator", "int32:chain=8"), "");
  EXPECT_THAT(added("float_accumulator", "bf16"), HasSubstr("no effect"));
  EXPECT_EQ(refused_by_model({{"float_accumulator", "bf16"}}), "");
  EXPECT_THAT(refused_by_model({{"rounding", "stochastic"}}), HasSubstr("no effect"));
  EXPECT_THAT(refused_by_model({{"conv2.weights", "dfp8"}, {"fc.rounding", "stochastic"}}), HasSubstr("no effect"));
  EXPECT_EQ(added("rounding", "stochastic"), "");
  const auto on_mlp = [](const PrecisionPlan& plan) {
    return refusal([&] { const Network network(models::build_model("mlp", {1, 4, 4, 1}, 3), plan, true); });
  };
  EXPECT_THAT(on_mlp(plan_with({{"first_convolution.weights", "dfp8"}})), HasSubstr("no convolution"));
  EXPECT_EQ(on_mlp(PrecisionPlan("dfp16_paper")), "") << "what a named plan says holds where there is one";
}

TEST(PrecisionPlan, ValuesHaveOneCanonicalText) {
  EXPECT_EQ(canonical_value("conv1.weights.forward", "dfp16:top=bump,block=32@stochastic"),
            formats::parse_conversion("dfp16:block=32,top=bump@stochastic").name());
  EXPECT_EQ(canonical_value("weights", "dfp8"), "dfp8");
  EXPECT_EQ(canonical_value("weights", "dfp8@nearest_even"), "dfp8@nearest_even") << "not the plan's rounding";
  EXPECT_EQ(canonical_value("accumulator", "int32:overflow=saturate,chain=8"),
            arith::parse_integer_accumulator("int32:chain=8,overflow=saturate").name());
  EXPECT_THROW(canonical_value("wieghts", "dfp8"), UserError);
}

TEST(PrecisionPlan, ChannelsOnAReducedIndexAreRefused) {
  EXPECT_THAT(refused_by_model({{"activations", "dfp8:channel"}}), AllOf(HasSubstr("activations"), HasSubstr("conv1")));
  EXPECT_THAT(refused_by_model({{"activations.forward", "dfp8:channel"}}), HasSubstr("activations"));
  EXPECT_EQ(refused_by_model({{"activations.weight_gradient", "dfp8:channel"}}), "");
  EXPECT_EQ(refused_by_model({{"weights", "dfp8:channel"}}), "") << "oc forward, ic in the input gradient";
  EXPECT_EQ(refused_by_model({{"weights.forward", "dfp8:channel"}}), "");
  EXPECT_EQ(refused_by_model({{"conv1.weights", "dfp8:channel"}}), "");
  EXPECT_THAT(refused_by_model({{"errors", "dfp8:channel"}}), HasSubstr("errors of layer conv2"));
  EXPECT_EQ(refused_by_model({{"errors.weight_gradient", "dfp8:channel"}}), "");
}

TEST(PrecisionPlan, SettingsThatGovernNothingAreRefused) {
  EXPECT_THAT(refused_by_model({{"accumulator", "int32:chain=64"}}), HasSubstr("has no effect"));
  EXPECT_THAT(refused_by_model({{"rounding", "stochastic"}}), HasSubstr("has no effect"));
  EXPECT_THAT(refused_by_model({{"weights", "dfp8"}, {"accumulator", "int32:chain=64"}}), HasSubstr("has no effect"));
  const Settings integers = {{"weights", "dfp8"}, {"activations", "dfp8"}, {"errors", "dfp8"}};
  const auto with = [&](const char* key, const char* value) {
    Settings settings = integers;
    settings.push_back({key, value});
    return refused_by_model(settings);
  };
  EXPECT_EQ(with("accumulator", "int32:chain=64"), "");
  EXPECT_EQ(with("rounding", "stochastic"), "");
  EXPECT_THAT(with("float_accumulator", "fp16"), HasSubstr("has no effect"));
  EXPECT_EQ(refused_by_model({{"float_accumulator", "bf16"}}), "");
}

}  // namespace
}  // namespace precsim::nn
