// Checkpoints as HDF5 files; see checkpoint.hpp.
#include "experiments/checkpoint/checkpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "experiments/checkpoint/tensor_groups.hpp"
#include "experiments/record/file_io.hpp"
#include "experiments/record/hdf5_image.hpp"
#include "experiments/record/seal.hpp"
#include "formats/error.hpp"

namespace precsim::checkpoint {
namespace {

namespace fs = std::filesystem;
namespace hdf5 = record::hdf5;
using hdf5::Handle;
using record::AttributeList;

constexpr std::string_view rows_prefix = "rows:";
constexpr std::array<std::string_view, 4> own_attributes = {"checkpoint_version", "step", "loss_scale", "clean_steps"};
constexpr std::array<std::string_view, 6> groups_without_tensors = {"totals",  "evaluation", "record",
                                                                    "figures", "provenance", exponents_group};

std::int64_t as_signed(std::uint64_t count) {
  return static_cast<std::int64_t>(count);
}

AttributeList root_attributes(const Checkpoint& c) {
  AttributeList list = c.run;
  record::set_value(list, "checkpoint_version", checkpoint_version);
  record::set_value(list, "step", c.state.step);
  record::set_value(list, "loss_scale", c.state.loss_scale.value);
  record::set_value(list, "clean_steps", c.state.loss_scale.clean_steps);
  return list;
}

AttributeList totals_attributes(const nn::StepContext::Totals& t) {
  return {{"integer_macs", as_signed(t.integer_macs)},
          {"all_macs", as_signed(t.all_macs)},
          {"overflow_events", as_signed(t.overflow_events)},
          {"overflow_known", std::int64_t{t.overflow_known}},
          {"saved_bytes", as_signed(t.saved_bytes)}};
}

AttributeList evaluation_attributes(const nn::EvaluationReport& e) {
  return {{"step", e.step},         {"epoch", e.epoch}, {"images", e.images},     {"correct", e.correct},
          {"accuracy", e.accuracy}, {"loss", e.loss},   {"correct5", e.correct5}, {"accuracy5", e.accuracy5}};
}

AttributeList record_attributes(const RecordMark& mark) {
  AttributeList list{{"record_id", mark.id}};
  for (const RecordMark::Rows& rows : mark.rows) {
    list.push_back({fmt::format("{}{}", rows_prefix, rows.table), as_signed(rows.count)});
  }
  return list;
}

fs::path beside(const fs::path& record, const std::string& suffix) {
  return record.extension() == ".h5" ? fs::path(record).replace_extension(suffix + ".h5")
                                     : record::with_suffix(record, suffix);
}

/// Takes a checkpoint out of an opened file; what is missing or of another type is a UserError naming the file.
class Reader {
 public:
  Reader(hid_t file, const fs::path& path) : file_(file), path_(path), source_(path.string()) {}

  Checkpoint read() const {
    Checkpoint c;
    c.run = hdf5::read_attributes(file_);
    if (integer(c.run, "checkpoint_version") != checkpoint_version) {
      throw UserError(fmt::format("{} is a checkpoint of version {}, but this program reads version {}", source_,
                                  integer(c.run, "checkpoint_version"), checkpoint_version));
    }
    c.state.step = integer(c.run, "step");
    c.state.loss_scale = {real(c.run, "loss_scale"), integer(c.run, "clean_steps")};
    std::erase_if(c.run, [](const record::Attribute& a) { return std::ranges::count(own_attributes, a.name) != 0; });
    c.state.totals = totals();
    c.state.evaluation = evaluation();
    c.record = mark();
    c.figures = group("figures");
    c.provenance = group("provenance");
    c.state.tensors = read_tensors(file_, groups_without_tensors, fs::file_size(path_));
    c.state.controllers = read_controllers(file_, fs::file_size(path_));
    return c;
  }

 private:
  std::int64_t integer(const AttributeList& list, std::string_view name) const {
    return record::value_of<std::int64_t>(list, name, source_);
  }
  std::uint64_t count(const AttributeList& list, std::string_view name) const {
    return static_cast<std::uint64_t>(integer(list, name));
  }
  double real(const AttributeList& list, std::string_view name) const {
    return record::value_of<double>(list, name, source_);
  }
  AttributeList group(const std::string& name) const {
    const Handle opened(H5Gopen2(file_, name.c_str(), H5P_DEFAULT), H5Gclose, "opening /" + name);
    return hdf5::read_attributes(opened);
  }

  nn::StepContext::Totals totals() const {
    const AttributeList list = group("totals");
    nn::StepContext::Totals totals;
    totals.integer_macs = count(list, "integer_macs");
    totals.all_macs = count(list, "all_macs");
    totals.overflow_events = count(list, "overflow_events");
    totals.overflow_known = count(list, "overflow_known") != 0;
    totals.saved_bytes = count(list, "saved_bytes");
    return totals;
  }

  nn::EvaluationReport evaluation() const {
    const AttributeList list = group("evaluation");
    return {integer(list, "step"),  integer(list, "epoch"), integer(list, "images"),   integer(list, "correct"),
            real(list, "accuracy"), real(list, "loss"),     integer(list, "correct5"), real(list, "accuracy5")};
  }

  RecordMark mark() const {
    const AttributeList list = group("record");
    RecordMark mark{record::value_of<std::string>(list, "record_id", source_), {}};
    for (const record::Attribute& attribute : list) {
      if (attribute.name.starts_with(rows_prefix)) {
        mark.rows.push_back({attribute.name.substr(rows_prefix.size()), count(list, attribute.name)});
      }
    }
    return mark;
  }

  hid_t file_;
  const fs::path& path_;
  std::string source_;
};

}  // namespace

fs::path path_for(const fs::path& record) {
  return beside(record, ".checkpoint");
}

fs::path best_path_for(const fs::path& record) {
  return beside(record, ".best.checkpoint");
}

std::string image(const Checkpoint& checkpoint) {
  return hdf5::building([&] {
    const Handle file = hdf5::create_in_memory();
    const auto add = [&](const std::string& name, const AttributeList& attributes) {
      hdf5::write_attributes(hdf5::create_group(file, name), attributes);
    };
    hdf5::write_attributes(file, root_attributes(checkpoint));
    add("totals", totals_attributes(checkpoint.state.totals));
    add("evaluation", evaluation_attributes(checkpoint.state.evaluation));
    add("record", record_attributes(checkpoint.record));
    add("figures", checkpoint.figures);
    add("provenance", checkpoint.provenance);
    write_tensors(file, checkpoint.state.tensors);
    write_controllers(file, checkpoint.state.controllers);
    return hdf5::sealed_image(file);
  });
}

void write(const fs::path& file, const Checkpoint& checkpoint) {
  record::replace_file(file, image(checkpoint));
}

Checkpoint read(const fs::path& file) {
  return hdf5::reading(file, [&] {
    std::error_code error;
    if (fs::is_regular_file(file, error) && !record::check_seal(file)) {
      throw UserError(fmt::format(
          "{} is no whole checkpoint of this program (it was cut short, or another program wrote or changed "
          "it); it was left as it is",
          file.string()));
    }
    const Handle opened = hdf5::open_for_reading(file);
    if (H5Aexists(opened, "checkpoint_version") <= 0) {
      throw UserError(
          fmt::format("{} is a file of this program, but not a checkpoint; it was left as it is", file.string()));
    }
    return Reader(opened, file).read();
  });
}

}  // namespace precsim::checkpoint
