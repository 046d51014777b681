// The recipes that are shipped: every one is a whole configuration of a network that exists.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "experiments/config/config.hpp"
#include "experiments/run/run_options.hpp"
#include "sim/models/models.hpp"

namespace precsim::experiments {
namespace {

namespace fs = std::filesystem;

/// Every .ini file of experiments/ that is no study.
std::set<std::string> recipes() {
  std::set<std::string> names;
  for (const fs::directory_entry& file : fs::directory_iterator(PRECSIM_GOLDEN_DIR "/../../experiments")) {
    if (file.path().extension() == ".ini" &&
        config::read_config_file(file.path()).find("[study]") == std::string::npos) {
      names.insert(file.path().stem());
    }
  }
  return names;
}

std::string path_of(const std::string& recipe) {
  return PRECSIM_GOLDEN_DIR "/../../experiments/" + recipe + ".ini";
}

config::Config read(const std::string& recipe) {
  config::Config config(check_value);
  config.read_ini(config::read_config_file(path_of(recipe)), recipe);
  canonicalize(config);
  return config;
}

std::vector<std::string> lines(const std::string& recipe) {
  std::ifstream file(path_of(recipe));
  std::vector<std::string> found;
  for (std::string line; std::getline(file, line);) {
    found.push_back(line);
  }
  return found;
}

TEST(Recipes, AreThere) {
  const std::set<std::string> found = recipes();
  for (const char* name : {"lenet5_mnist", "resnet20_cifar10_fp32", "resnet20_cifar10_fp16", "resnet20_cifar10_bf16",
                           "resnet20_cifar10_dfp16", "resnet50_imagenet_dfp16", "googlenet_v1_imagenet_dfp16",
                           "vgg16_imagenet_dfp16", "alexnet_imagenet_dfp16"}) {
    EXPECT_TRUE(found.contains(name)) << name;
  }
}

TEST(Recipes, AreWholeConfigurations) {
  for (const std::string& recipe : recipes()) {
    SCOPED_TRACE(recipe);
    const config::Config config = read(recipe);
    EXPECT_NO_THROW(check_effect(config));
    const nn::TrainingOptions options = training_options(config);
    const data::DatasetOptions data = dataset_options(config);
    const models::ModelEntry& model = models::find_model(config.text("model.name"));
    if (data.name == "imagefolder") {
      EXPECT_EQ(model.image, (nn::Shape{1, data.image_size, data.image_size, 3}));
      EXPECT_EQ(model.classes, 1000);
    }
    const nn::Shape image{1, std::min<std::int64_t>(model.image.h, 80), std::min<std::int64_t>(model.image.w, 80),
                          model.image.c};
    EXPECT_NO_THROW(nn::Network(models::build_model(model.name, image, 10), precision_plan(config),
                                options.optimizer.momentum != 0));
  }
}

TEST(Recipes, OfResnet20DifferInThePlanAlone) {
  const std::vector<std::string> reference = lines("resnet20_cifar10_fp32");
  ASSERT_GT(reference.size(), 20u);
  for (const std::string plan : {"fp16", "bf16", "dfp16"}) {
    const std::vector<std::string> other = lines("resnet20_cifar10_" + plan);
    ASSERT_EQ(other.size(), reference.size());
    for (std::size_t i = 0; i < other.size(); ++i) {
      EXPECT_EQ(other[i], reference[i] == "name = fp32" ? "name = " + plan : reference[i]);
    }
    EXPECT_EQ(read("resnet20_cifar10_" + plan).text("plan.name"), plan);
  }
}

}  // namespace
}  // namespace precsim::experiments
