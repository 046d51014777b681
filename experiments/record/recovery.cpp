// Folding; the cases of which journal belongs to which file.
#include "experiments/record/recovery.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/record/file_io.hpp"
#include "experiments/record/journal.hpp"
#include "experiments/record/journal_entries.hpp"
#include "experiments/record/run_file.hpp"
#include "formats/error.hpp"

namespace precsim::record {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& file, std::string_view why) {
  throw UserError(fmt::format("the journal {} cannot be folded into {}: {}; both were left as they are",
                              Journal::path_for(file).string(), file.string(), why));
}

/// The rows that `file` already holds of the journal's record.
std::vector<std::string> rows_in_file(const fs::path& file, const std::optional<Identity>& found,
                                      const JournalStart& start) {
  const bool from_nothing =
      std::all_of(start.row_counts.begin(), start.row_counts.end(), [](auto n) { return n == 0; });
  if (!found && !from_nothing) refuse(file, "the record that it continues is missing");
  if (!found || (start.replaces && *found == *start.replaces)) return std::vector<std::string>(start.tables.size());
  if (found->id != start.identity.id) refuse(file, "they belong to different runs");
  if (found->generation < start.identity.generation)
    refuse(file, "the record is older than what the journal continues");
  return read_rows(file, start.tables);
}

/// A journal and the file it extends, on the way to being one.
class Fold {
 public:
  Fold(const fs::path& file, const std::vector<std::string>& entries) : file_(file), found_(read_identity(file)) {
    const std::string source = Journal::path_for(file).string();
    JournalEntry first = decode_entry(entries.front(), source);
    auto* start = std::get_if<JournalStart>(&first);
    if (start == nullptr) refuse(file, "its first entry does not say which record it continues");
    start_ = std::move(*start);
    contents_ = {start_.header, start_.tables, rows_in_file(file, found_, start_)};
    skip_.resize(start_.tables.size());
    for (std::size_t i = 0; i < skip_.size(); ++i) {
      if (contents_.row_count(i) < start_.row_counts[i])
        refuse(file, "the record has fewer rows than the journal continues");
      skip_[i] = contents_.row_count(i) - start_.row_counts[i];
    }
    for (std::size_t i = 1; i < entries.size(); ++i) add(decode_entry(entries[i], source));
  }

  /// Replaces the file, and returns the number of rows added. A file more than one generation ahead is left alone: it
  /// has had everything for long. One generation ahead may be a flush whose end the writer did not see, so that
  /// attributes may be missing.
  std::uint64_t finish() const {
    std::uint64_t generation = start_.identity.generation;
    if (found_ && found_->id == start_.identity.id) {
      if (added_ == 0 && found_->generation > generation + 1) return 0;
      generation = found_->generation;
    }
    replace_file(file_, run_image(contents_, {start_.identity.id, generation + 1}));
    return added_;
  }

 private:
  void add(JournalEntry entry) {
    if (auto* attribute = std::get_if<JournalAttribute>(&entry)) {
      AttributeList& list =
          attribute->place == AttributePlace::run ? contents_.header.run : contents_.header.provenance;
      set_value(list, attribute->attribute.name, std::move(attribute->attribute.value));
      return;
    }
    const auto* row = std::get_if<JournalRow>(&entry);
    if (row == nullptr || row->table >= skip_.size() || row->bytes.size() != row_bytes(contents_.tables[row->table])) {
      refuse(file_, "an entry does not fit the tables that it declares");
    }
    if (skip_[row->table] > 0) {
      --skip_[row->table];
    } else {
      contents_.rows[row->table] += row->bytes;
      ++added_;
    }
  }

  const fs::path& file_;
  std::optional<Identity> found_;
  JournalStart start_;
  RunContents contents_;
  std::vector<std::uint64_t> skip_;  ///< rows of the journal that the file already holds: it died after a flush
  std::uint64_t added_ = 0;
};

}  // namespace

Recovery fold_journal(const fs::path& file, Journal& journal) {
  const JournalContents contents = journal.read();
  Recovery recovery{0, contents.torn_bytes};
  if (!contents.entries.empty()) recovery.rows = Fold(file, contents.entries).finish();
  ::unlink(partial_path(file).c_str());
  journal.clear();
  return recovery;
}

Recovery recover(const fs::path& file) {
  const fs::path target = resolve_output(file);
  std::optional<Journal> journal = Journal::open_existing(target);
  return journal ? fold_journal(target, *journal) : Recovery{};
}

}  // namespace precsim::record
