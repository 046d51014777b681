// Tests of the configuration: the table of keys, values, names, the family plan.*, identity.
#include "experiments/config/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <locale>
#include <set>

#include "experiments/config/plan_keys.hpp"
#include "formats/error.hpp"
#include "formats/version.hpp"
#include "formats/words.hpp"
#include "tests/experiments/cli_support.hpp"

namespace precsim::config {
namespace {

using formats::quote;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using tests::error_of;

Config from_ini(std::string_view text) {
  Config config;
  config.read_ini(text, "test.ini");
  return config;
}

std::string set_error(const std::string& key, const std::string& value) {
  return error_of([&] { Config().set({key, value, "--set"}); });
}

// ---- the table

TEST(ConfigKeys, NamesAreUniqueAndSectionsContiguous) {
  std::set<std::string_view> names;
  for (const Key& key : keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_EQ(std::ranges::count(key.name, '.'), 1) << key.name;
    EXPECT_FALSE(key.meaning.empty()) << key.name;
  }
  EXPECT_EQ(names.size(), 48u);
  const auto all = sections();
  EXPECT_EQ(std::set<std::string_view>(all.begin(), all.end()).size(), all.size());
  EXPECT_EQ(all.back(), "plan");
}

TEST(ConfigKeys, DefaultsAreCanonical) {
  for (const Key& key : keys()) EXPECT_EQ(canonical_value(key, key.default_text), key.default_text) << key.name;
}

TEST(ConfigKeys, DefaultsAreThoseOfTheDocumentation) {
  const Config config;
  EXPECT_EQ(config.integer("run.seed"), 1);
  EXPECT_EQ(config.text("run.out"), "");
  EXPECT_EQ(config.text("model.name"), "lenet5");
  EXPECT_EQ(config.integer("train.epochs"), 5);
  EXPECT_EQ(config.real("optimizer.lr"), 0.05);
  EXPECT_EQ(config.boolean("optimizer.nesterov"), false);
  EXPECT_TRUE(config.integers("schedule.step_epochs").empty());
  EXPECT_EQ(config.text("plan.name"), "dfp16");
  EXPECT_TRUE(config.plan().empty());
}

TEST(ConfigKeys, ProvenanceKeysAreThoseThatCannotChangeABit) {
  std::vector<std::string_view> provenance;
  for (const Key& key : keys()) {
    if (key.provenance) provenance.push_back(key.name);
  }
  EXPECT_THAT(provenance,
              ElementsAre("run.threads", "run.engine", "run.kernel", "run.out", "run.overwrite", "run.resume",
                          "data.path", "data.workers", "record.flush_seconds", "checkpoint.every", "checkpoint.seconds",
                          "output.quiet", "output.json", "output.progress"));
}

TEST(ConfigKeys, LookupOfUnknownKeyOrWrongTypeIsOurMistake) {
  const Config config;
  EXPECT_THROW(config.text("run.sed"), CheckError);
  EXPECT_THROW(config.text("run.seed"), CheckError);
  EXPECT_THROW(config.integer("optimizer.lr"), CheckError);
  EXPECT_THROW(config.place("nothing"), CheckError);
}

// ---- values

TEST(ConfigValues, IntegersOutOfFormOrRangeAreRefused) {
  for (const char* text : {"-1", "4294967296", "99999999999999999999", "4x", "4.0", "1e3", "0x10", "+4", "", "four",
                           "1 2", "1,000", "--1", "nan"}) {
    EXPECT_THAT(set_error("run.seed", text),
                AllOf(HasSubstr("--set: run.seed = " + quote(text)), HasSubstr("an integer from 0 to 4294967295")))
        << text;
  }
  EXPECT_THAT(set_error("train.epochs", "0"), HasSubstr("an integer from 1 to 1000000"));
  EXPECT_THAT(set_error("train.batch", "65537"), HasSubstr("an integer from 1 to 65536"));
  EXPECT_EQ(set_error("run.seed", "0"), "");
  EXPECT_EQ(set_error("run.seed", "4294967295"), "");
}

TEST(ConfigValues, RealsOutOfFormOrRangeAreRefused) {
  for (const char* text : {"0", "-0.1", "nan", "-nan", "inf", "Infinity", "1e999", "1e-999", "0x1p-3", "0,05", "0.05f",
                           "+0.1", "", "1e", ".", "1e7"}) {
    EXPECT_THAT(set_error("optimizer.lr", text), AllOf(HasSubstr("optimizer.lr = " + quote(text)),
                                                       HasSubstr("a real number above 0 and at most 1000000")))
        << text;
  }
  EXPECT_THAT(set_error("optimizer.momentum", "1"), HasSubstr("of at least 0 and below 1"));
  EXPECT_EQ(set_error("optimizer.momentum", "0"), "");
  EXPECT_EQ(set_error("optimizer.lr", "5e-1"), "");
}

TEST(ConfigValues, BooleansHaveFourSpellingsEach) {
  const Key& key = *find_key("optimizer.nesterov");
  for (const char* yes : {"true", "yes", "on", "1"}) EXPECT_EQ(canonical_value(key, yes), "true");
  for (const char* no : {"false", "no", "off", "0"}) EXPECT_EQ(canonical_value(key, no), "false");
  EXPECT_THAT(set_error("optimizer.nesterov", "maybe"), AllOf(HasSubstr("'maybe'"), HasSubstr("true or false")));
  EXPECT_THAT(set_error("optimizer.nesterov", "2"), HasSubstr("true or false"));
}

TEST(ConfigValues, ChoicesNameTheNearest) {
  EXPECT_THAT(set_error("schedule.name", "cosin"),
              AllOf(HasSubstr("'cosin'"), HasSubstr("constant, step, cosine"), HasSubstr("nearest is 'cosine'")));
  EXPECT_THAT(set_error("init.name", ""), HasSubstr("one of he, glorot"));
  EXPECT_THAT(set_error("loss_scale.mode", "NONE"), HasSubstr("plan, none, static, dynamic"));
  EXPECT_THAT(set_error("schedule.name", "constant|step"), HasSubstr("is not valid"));
}

TEST(ConfigValues, ListsAreIncreasingIntegers) {
  Config config;
  config.set({"schedule.step_epochs", "30, 60,090", "--set"});
  EXPECT_THAT(config.integers("schedule.step_epochs"), ElementsAre(30, 60, 90));
  EXPECT_EQ(config.value("schedule.step_epochs"), "30,60,90");
  for (const char* text : {"60,30", "30,30", "30,", ",", "0", "30;60", "30 60", "3x"}) {
    EXPECT_THAT(set_error("schedule.step_epochs", text), HasSubstr("such as 30,60")) << text;
  }
}

TEST(ConfigValues, NamesMayNotBeEmpty) {
  for (const char* key : {"model.name", "data.name", "optimizer.name", "plan.name"}) {
    EXPECT_THAT(set_error(key, ""), HasSubstr(std::string(key) + " = ''")) << key;
  }
}

TEST(ConfigValues, TextsThatNoFileCouldHoldAreRefused) {
  const std::string with_nul("a\0b", 3);
  for (const std::string& text : {std::string("a\nb"), with_nul, std::string("a\tb"), std::string(" a"),
                                  std::string("a "), std::string("#a"), std::string("a #b")}) {
    EXPECT_THAT(set_error("data.path", text), HasSubstr("data.path = " + quote(text))) << text;
  }
  EXPECT_EQ(set_error("data.path", "/a b/c#d;e=[f]"), "");
}

TEST(ConfigValues, AreIndependentOfTheLocale) {
  struct Comma : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::string before = Config().to_ini();
  const std::locale old = std::locale::global(std::locale(std::locale::classic(), new Comma));
  const std::string after = Config().to_ini();
  const std::string error = set_error("optimizer.lr", "0,5");
  std::locale::global(old);
  EXPECT_EQ(after, before);
  EXPECT_THAT(error, HasSubstr("1000000"));
}

// ---- keys

TEST(ConfigNames, UnknownKeyNamesTheNearestAndTheSectionsKeys) {
  EXPECT_THAT(set_error("optimizer.rl", "1"), AllOf(HasSubstr("'optimizer.rl'"), HasSubstr("nearest is 'optimizer.lr'"),
                                                    HasSubstr("name, lr, momentum, nesterov and weight_decay")));
  EXPECT_THAT(set_error("lr", "1"), HasSubstr("nearest is 'optimizer.lr'"));
  EXPECT_THAT(set_error("train.lr", "1"), HasSubstr("nearest is 'optimizer.lr'"));
  EXPECT_THAT(set_error("Optimizer.LR", "1"), HasSubstr("nearest is 'optimizer.lr'"));
  EXPECT_THAT(set_error("optimiser.momentun", "1"), HasSubstr("nearest is 'optimizer.momentum'"));
  EXPECT_THAT(set_error("seed", "1"), HasSubstr("nearest is 'run.seed'"));
  EXPECT_THAT(set_error("pln.weights", "1"), HasSubstr("nearest is 'plan.weights'"));
  EXPECT_THAT(set_error("qqqqqqqqqq.zzzzzzzzzzzz", "1"),
              AllOf(HasSubstr("the sections are run, model, data"), Not(HasSubstr("nearest"))));
  EXPECT_THAT(set_error("", "1"), HasSubstr("unknown key ''"));
}

TEST(ConfigNames, HugeOrHostileNamesMakeShortPrintableMessages) {
  const std::string error = set_error(std::string(1000000, 'a') + "\x1b[2J", "1");
  EXPECT_LT(error.size(), 400u);
  EXPECT_THAT(set_error("a\x1b[2J", "1"), AllOf(HasSubstr("\\x1b"), Not(HasSubstr("\x1b"))));
}

// ---- plan.*

TEST(ConfigPlan, FamilyAcceptsRolesPassesAndLayers) {
  std::size_t accepted = 0;
  for (const std::string layer : {"", "conv1.", "fc_2."}) {
    for (const std::string_view role : plan_roles()) {
      EXPECT_EQ(set_error("plan." + layer + std::string(role), "dfp8"), "");
      ++accepted;
      for (const std::string_view pass : plan_passes()) {
        EXPECT_EQ(set_error("plan." + layer + std::string(role) + "." + std::string(pass), "dfp8"), "");
        ++accepted;
      }
    }
    for (const std::string key :
         {"rounding", "accumulator", "accumulator.forward", "float_accumulator", "float_accumulator.weight_gradient"}) {
      EXPECT_EQ(set_error("plan." + layer + key, "x"), "");
      ++accepted;
    }
  }
  EXPECT_EQ(accepted, 3u * (9 * 4 + 5));
}

TEST(ConfigPlan, MisspelledWordsNameTheNearest) {
  EXPECT_THAT(set_error("plan.wieghts", "x"),
              AllOf(HasSubstr("'wieghts'"), HasSubstr("nearest is 'weights'"), HasSubstr("float_accumulator")));
  EXPECT_THAT(set_error("plan.conv1.activation", "x"), HasSubstr("nearest is 'activations'"));
  EXPECT_THAT(set_error("plan.weigths.forward", "x"), HasSubstr("nearest is 'weights'"));
  EXPECT_THAT(set_error("plan.weights.foward", "x"),
              AllOf(HasSubstr("nearest is 'forward'"), HasSubstr("forward, input_gradient and weight_gradient")));
  EXPECT_THAT(set_error("plan.conv1.weights.backward", "x"), HasSubstr("'backward' is no pass"));
  EXPECT_THAT(set_error("plan.rouding", "x"), HasSubstr("nearest is 'rounding'"));
  EXPECT_THAT(set_error("plan.nam", "x"), AllOf(HasSubstr("nearest is 'name'"), HasSubstr("valid are name, weights")));
  EXPECT_THAT(set_error("plan.conv1.nam", "x"), Not(HasSubstr("name")));
}

TEST(ConfigPlan, OtherShapesAreRefused) {
  for (const char* key : {"plan", "plan.", "plan..weights", "plan.Conv1.weights", "plan.conv-1.weights", "plan.a.b.c.d",
                          "plan.conv1.weights.forward.x", "plan.rounding.forward", "plan.weights.errors.forward",
                          "plan.conv1.name", "plan.conv1"}) {
    EXPECT_THAT(set_error(key, "x"), HasSubstr("unknown key " + quote(key))) << key;
  }
  EXPECT_THAT(set_error("plan.weights", ""), HasSubstr("plan.weights = ''"));
}

TEST(ConfigPlan, KeepsTheOrderAndTheLastValue) {
  Config config;
  for (const char* key : {"plan.weights", "plan.errors", "plan.weights"}) config.set({key, key, "--set"});
  ASSERT_EQ(config.plan().size(), 2u);
  EXPECT_EQ(config.plan()[0].key, "plan.errors");
  EXPECT_EQ(config.plan()[1].key, "plan.weights");
}

TEST(ConfigPlan, LayerSectionEqualsLayerKey) {
  const Config section = from_ini("[plan.conv1]\nweights = dfp8\n");
  EXPECT_EQ(section, from_ini("[plan]\nconv1.weights = dfp8\n"));
  EXPECT_EQ(section, from_ini("plan.conv1.weights = dfp8\n"));
  ASSERT_EQ(section.plan().size(), 1u);
  EXPECT_EQ(section.plan()[0].key, "plan.conv1.weights");
  EXPECT_EQ(section.plan()[0].value, "dfp8");
  EXPECT_EQ(section.plan()[0].place, "test.ini:2");
}

TEST(ConfigPlan, CallersCheckSeesItsKeysAndItsErrorGetsThePlace) {
  std::vector<std::string> seen;
  Config config([&](std::string_view key, std::string_view value) {
    seen.push_back(std::string(key) + "=" + std::string(value));
    if (value == "dfp99") throw UserError("dfp99 is no format.");
  });
  config.read_ini("[run]\nseed = 3\n[model]\nname = mlp\n[plan]\nname = fp32\nweights = dfp8\n", "a.ini");
  EXPECT_THAT(seen, ElementsAre("model.name=mlp", "plan.name=fp32", "plan.weights=dfp8"));
  EXPECT_EQ(error_of([&] { config.read_ini("[plan]\n\nerrors = dfp99\n", "b.ini"); }), "b.ini:3: dfp99 is no format.");
  EXPECT_EQ(config.plan().size(), 1u);
}

// ---- identity

Config unusual_config() {
  return from_ini(
      "[run]\nseed = 42\nthreads = 3\nout = /tmp/a b#c.h5\n[optimizer]\nlr = 0.1000000000000000055511151231257827\n"
      "nesterov = yes\n[schedule]\nname = step\nstep_epochs = 1, 2\n[plan]\nname = fp32\nweights = dfp8:block=32\n"
      "conv1.errors = dfp12\naccumulator.forward = wrap:chain=32\n");
}

TEST(ConfigIdentity, CanonicalTextReadsBackToTheSameConfiguration) {
  for (const Config& config : {Config(), unusual_config()}) {
    const std::string text = config.to_ini(ProvenanceKeys::marked);
    EXPECT_EQ(from_ini(text), config) << text;
    EXPECT_EQ(from_ini(text).to_ini(ProvenanceKeys::marked), text);
    EXPECT_EQ(from_ini(config.to_ini()).hash().value(), config.hash().value());
  }
  EXPECT_FALSE(Config() == unusual_config());
}

TEST(ConfigIdentity, PrintedConfigurationReadsBack) {
  for (const Config& config : {Config(), unusual_config()}) EXPECT_EQ(from_ini(print_config(config)), config);
}

TEST(ConfigIdentity, PrintedConfigurationTellsMeaningUnitDefaultAndValue) {
  const std::string text = print_config(unusual_config());
  for (const Key& key : keys()) EXPECT_THAT(text, HasSubstr(std::string(key.meaning.substr(0, 20)))) << key.name;
  EXPECT_THAT(text, HasSubstr("Unit: images. Default: 64. Valid: an integer from 1 to 65536.\nbatch = 64\n"));
  EXPECT_THAT(text, HasSubstr("conv1.errors = dfp12\n"));
}

TEST(ConfigIdentity, ProvenanceKeysAreMarkedOrLeftOutAndNotHashed) {
  Config config;
  const std::string before = config.hash().hex();
  std::size_t changed = 0;
  for (const auto& [key, value] : {std::pair("run.threads", "7"),
                                   {"run.out", "x.h5"},
                                   {"run.overwrite", "yes"},
                                   {"data.path", "y"},
                                   {"record.flush_seconds", "1"},
                                   {"output.quiet", "1"},
                                   {"output.json", "1"},
                                   {"output.progress", "none"}}) {
    config.set({key, value, "--set"});
    ++changed;
  }
  EXPECT_EQ(changed, 8u);
  EXPECT_EQ(config.hash().hex(), before);
  EXPECT_FALSE(config == Config());
  EXPECT_THAT(config.to_ini(ProvenanceKeys::marked), HasSubstr("threads = 7  # provenance\n"));
  EXPECT_THAT(config.to_ini(), AllOf(Not(HasSubstr("threads")), Not(HasSubstr("[output]"))));
}

TEST(ConfigIdentity, EveryOtherKeyChangesTheHash) {
  const std::set<std::string> other_values = {"3",      "0.25", "true", "other", "step",   "glorot",
                                              "static", "2",    "16",   "skip",  "content"};
  const std::string before = Config().hash().hex();
  std::size_t changed = 0;
  for (const Key& key : keys()) {
    if (key.provenance) continue;
    for (const std::string& value : other_values) {
      Config config;
      if (!error_of([&] { config.set({std::string(key.name), value, "--set"}); }).empty()) continue;
      if (config == Config()) continue;
      EXPECT_NE(config.hash().hex(), before) << key.name;
      ++changed;
      break;
    }
  }
  EXPECT_EQ(changed, 34u);
  EXPECT_NE(from_ini("[plan]\nweights = dfp8\n").hash().hex(), before);
}

TEST(ConfigIdentity, EqualNumbersHashTheSame) {
  const auto hash_of = [](const std::string& key, const std::string& value) {
    Config config;
    config.set({key, value, "--set"});
    return config.hash().hex();
  };
  for (const char* same : {"0.1", "0.10", "1e-1", ".1", "0.1000000000000000055511151231257827"}) {
    EXPECT_EQ(hash_of("optimizer.lr", same), hash_of("optimizer.lr", "0.1")) << same;
  }
  EXPECT_NE(hash_of("optimizer.lr", "0.1"), hash_of("optimizer.lr", "0.10000000000000002"));
  EXPECT_EQ(hash_of("optimizer.weight_decay", "-0"), hash_of("optimizer.weight_decay", "0"));
  EXPECT_EQ(hash_of("optimizer.nesterov", "on"), hash_of("optimizer.nesterov", "true"));
  EXPECT_EQ(hash_of("run.seed", "0003"), hash_of("run.seed", "3"));
}

TEST(ConfigIdentity, HashCoversTheNumericsVersionAndTheCanonicalText) {
  formats::Hash64 expected;
  expected.integer(formats::numerics_version);
  expected.text(Config().to_ini());
  EXPECT_EQ(Config().hash().value(), expected.value());
}

}  // namespace
}  // namespace precsim::config
