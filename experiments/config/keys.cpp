// The table of configuration keys.
#include "experiments/config/keys.hpp"

#include <algorithm>

namespace precsim::config {
namespace {

constexpr double largest_seed = 4294967295.0;
constexpr double most_images = 10e6;
constexpr double most_steps = 1e12;
constexpr double largest_real = 1e6;
constexpr double largest_scale = 1e38;

constexpr Range positive{.low = 0.0, .high = largest_real, .low_open = true};
constexpr Range not_negative{.low = 0.0, .high = largest_real};

constexpr Key table[] = {
    {.name = "run.seed",
     .default_text = "1",
     .meaning = "Seed of every random draw of the run: initialization, data order, augmentation, stochastic rounding.",
     .range = {0, largest_seed},
     .type = KeyType::integer},
    {.name = "run.threads",
     .default_text = "0",
     .unit = "threads",
     .meaning = "Worker threads; 0 takes one per processor core.",
     .range = {0, 1024},
     .type = KeyType::integer,
     .provenance = true},
    {.name = "run.engine",
     .default_text = "simulate",
     .meaning = "How products are computed: simulate (with telemetry), native (the fastest kernels) or check (both, "
                "compared bit by bit).",
     .type = KeyType::text,
     .provenance = true,
     .checked_by_caller = true},
    {.name = "run.kernel",
     .meaning = "Kernel of the products ('precsim info' lists them); empty takes the fastest.",
     .type = KeyType::text,
     .provenance = true,
     .may_be_empty = true,
     .checked_by_caller = true},
    {.name = "run.out",
     .meaning = "Path of the record (HDF5); empty keeps no record.",
     .type = KeyType::text,
     .provenance = true,
     .may_be_empty = true},
    {.name = "run.overwrite",
     .default_text = "false",
     .meaning = "Whether an existing record at run.out may be replaced, with its checkpoint.",
     .type = KeyType::boolean,
     .provenance = true},
    {.name = "run.resume",
     .default_text = "false",
     .meaning =
         "Goes on from the checkpoint beside run.out; begins if there is nothing yet, does nothing if the run ended.",
     .type = KeyType::boolean,
     .provenance = true},

    {.name = "model.name",
     .default_text = "lenet5",
     .meaning = "The network; 'precsim models' lists all.",
     .type = KeyType::text,
     .checked_by_caller = true},

    {.name = "data.name",
     .default_text = "glyphs",
     .meaning = "The data set: glyphs is drawn by the program, others are read from data.path.",
     .type = KeyType::text,
     .checked_by_caller = true},
    {.name = "data.path",
     .meaning = "Directory of the data set's files; the record identifies data by checksum, not by path.",
     .type = KeyType::text,
     .provenance = true,
     .may_be_empty = true},
    {.name = "data.train_size",
     .default_text = "0",
     .unit = "images",
     .meaning = "Training images used, from the first; 0 takes all.",
     .range = {0, most_images},
     .type = KeyType::integer},
    {.name = "data.test_size",
     .default_text = "0",
     .unit = "images",
     .meaning = "Test images used, from the first; 0 takes all.",
     .range = {0, most_images},
     .type = KeyType::integer},
    {.name = "data.seed",
     .default_text = "1",
     .meaning = "Seed of generated data, apart from run.seed so that seeds share one data set.",
     .range = {0, largest_seed},
     .type = KeyType::integer},
    {.name = "data.augment",
     .default_text = "auto",
     .meaning = "Whether training images change at random (crop, flip; drawn from run.seed): auto where the data set "
                "has it (cifar10), true (an error where it has none), false.",
     .choices = "auto|true|false",
     .type = KeyType::text},
    {.name = "data.workers",
     .default_text = "1",
     .unit = "threads",
     .meaning = "Threads that read the next batch while a step runs; 0 reads it before the step.",
     .range = {0, 1024},
     .type = KeyType::integer,
     .provenance = true},

    {.name = "train.epochs",
     .default_text = "5",
     .unit = "epochs",
     .meaning = "Passes over the training images.",
     .range = {1, 1e6},
     .type = KeyType::integer},
    {.name = "train.batch",
     .default_text = "64",
     .unit = "images",
     .meaning = "Mini-batch of a training step.",
     .range = {1, 65536},
     .type = KeyType::integer},
    {.name = "train.eval_batch",
     .default_text = "250",
     .unit = "images",
     .meaning = "Batch of an evaluation; shared exponents, and so bits, depend on it.",
     .range = {1, 65536},
     .type = KeyType::integer},
    {.name = "train.max_steps",
     .default_text = "0",
     .unit = "steps",
     .meaning = "Stops training after that many steps; 0 sets no limit.",
     .range = {0, most_steps},
     .type = KeyType::integer},

    {.name = "optimizer.name",
     .default_text = "sgd",
     .meaning = "The update rule.",
     .type = KeyType::text,
     .checked_by_caller = true},
    {.name = "optimizer.lr",
     .default_text = "0.05",
     .meaning = "Learning rate at its highest; the schedule scales it.",
     .range = positive,
     .type = KeyType::real},
    {.name = "optimizer.momentum",
     .default_text = "0.9",
     .meaning = "Momentum: v = momentum * v + g.",
     .range = {.low = 0, .high = 1, .high_open = true},
     .type = KeyType::real},
    {.name = "optimizer.nesterov",
     .default_text = "false",
     .meaning = "Nesterov's form of the momentum.",
     .type = KeyType::boolean},
    {.name = "optimizer.weight_decay",
     .default_text = "0.0005",
     .meaning = "L2 decay added to the gradient of weights; biases and batch-norm parameters have none.",
     .range = not_negative,
     .type = KeyType::real},

    {.name = "schedule.name",
     .default_text = "cosine",
     .meaning = "How the learning rate falls.",
     .choices = "constant|step|cosine",
     .type = KeyType::text},
    {.name = "schedule.warmup_epochs",
     .default_text = "1",
     .unit = "epochs",
     .meaning = "Linear rise of the learning rate from zero at the start.",
     .range = not_negative,
     .type = KeyType::real},
    {.name = "schedule.step_epochs",
     .unit = "epochs",
     .meaning = "For 'step': the epochs at which the learning rate is multiplied by schedule.gamma.",
     .range = {1, 1e6},
     .type = KeyType::integers,
     .may_be_empty = true},
    {.name = "schedule.gamma",
     .default_text = "0.1",
     .meaning = "For 'step': the factor.",
     .range = positive,
     .type = KeyType::real},
    {.name = "schedule.final_lr",
     .default_text = "0",
     .meaning = "For 'cosine': the learning rate at the end.",
     .range = not_negative,
     .type = KeyType::real},

    {.name = "init.name",
     .default_text = "he",
     .meaning = "Initialization of the weights.",
     .choices = "he|glorot",
     .type = KeyType::text},

    {.name = "loss_scale.mode",
     .default_text = "plan",
     .meaning = "Scaling of the loss before the backward pass; 'plan' does what the named plan says.",
     .choices = "plan|none|static|dynamic",
     .type = KeyType::text},
    {.name = "loss_scale.initial",
     .default_text = "65536",
     .meaning = "The static scale, or the first dynamic one.",
     .range = {.low = 0, .high = largest_scale, .low_open = true},
     .type = KeyType::real},
    {.name = "loss_scale.growth",
     .default_text = "2",
     .meaning = "For 'dynamic': the factor after loss_scale.interval steps without a skip.",
     .range = {1, largest_real},
     .type = KeyType::real},
    {.name = "loss_scale.backoff",
     .default_text = "0.5",
     .meaning = "For 'dynamic': the factor after a skipped step.",
     .range = {.low = 0, .high = 1, .low_open = true, .high_open = true},
     .type = KeyType::real},
    {.name = "loss_scale.interval",
     .default_text = "2000",
     .unit = "steps",
     .meaning = "For 'dynamic': steps without a skip before the scale grows.",
     .range = {1, 1e9},
     .type = KeyType::integer},
    {.name = "loss_scale.min_scale",
     .default_text = "1",
     .meaning = "For 'dynamic': the run has diverged when the scale would fall below this.",
     .range = {.low = 0, .high = largest_scale, .low_open = true},
     .type = KeyType::real},

    {.name = "record.stats_every",
     .default_text = "100",
     .unit = "steps",
     .meaning = "Steps between rows of tensor statistics; 0 writes only those of the first and the last step.",
     .range = {0, most_steps},
     .type = KeyType::integer},
    {.name = "record.flush_seconds",
     .default_text = "30",
     .unit = "s",
     .meaning = "Time between replacements of the record on disk; rows are safe in the journal at once.",
     .range = not_negative,
     .type = KeyType::real,
     .provenance = true},

    {.name = "checkpoint.every",
     .default_text = "0",
     .unit = "steps",
     .meaning = "Steps between checkpoints; 0 writes none, or with run.resume those of the beginning and the end.",
     .range = {0, most_steps},
     .type = KeyType::integer,
     .provenance = true},

    {.name = "output.quiet",
     .default_text = "false",
     .meaning = "Prints only the result.",
     .type = KeyType::boolean,
     .provenance = true},
    {.name = "output.json",
     .default_text = "false",
     .meaning = "Prints the result as JSON.",
     .type = KeyType::boolean,
     .provenance = true},
    {.name = "output.progress",
     .default_text = "auto",
     .meaning = "How progress is shown on stderr; 'auto' draws a bar on a terminal and prints lines otherwise.",
     .choices = "auto|bar|lines|none",
     .type = KeyType::text,
     .provenance = true},

    {.name = "plan.name",
     .default_text = "dfp16",
     .meaning = "The precision plan; the other keys of this section change it.",
     .type = KeyType::text,
     .checked_by_caller = true},
};

}  // namespace

std::span<const Key> keys() {
  return table;
}

const Key* find_key(std::string_view name) {
  const Key* key = std::ranges::find(table, name, &Key::name);
  return key == std::end(table) ? nullptr : key;
}

std::string_view section_of(std::string_view key) {
  return key.substr(0, key.find('.'));
}

std::vector<std::string_view> sections() {
  std::vector<std::string_view> names;
  for (const Key& key : table) {
    if (names.empty() || names.back() != section_of(key.name)) names.push_back(section_of(key.name));
  }
  return names;
}

}  // namespace precsim::config
