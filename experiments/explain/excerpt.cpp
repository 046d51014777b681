// Choosing what is shown.
#include "experiments/explain/excerpt.hpp"

#include <algorithm>
#include <iterator>

namespace precsim::explain {
namespace {

constexpr std::size_t first_steps = 4, last_steps = 2, around_event = 1, most_events = 8;
constexpr std::size_t few_chains = 10, first_chains = 3, last_chains = 3;

/// The chains as ranges of steps; a floating-point reduction is one.
std::vector<Range> step_ranges(const Story& story) {
  std::vector<Range> ranges;
  for (const ChainStory& chain : story.chains) {
    ranges.push_back({chain.first_step, chain.end_step});
  }
  if (ranges.empty()) {
    ranges.push_back({0, story.float_steps.size()});
  }
  return ranges;
}

bool overflows(const Story& story, std::size_t step) {
  return story.is_integer() ? story.integer_steps[step].overflows() : story.float_steps[step].overflows;
}

void mark(std::vector<char>& marks, std::size_t first, std::size_t end) {
  std::fill(marks.begin() + static_cast<std::ptrdiff_t>(first), marks.begin() + static_cast<std::ptrdiff_t>(end), 1);
}

std::vector<Range> runs_of(const std::vector<char>& marks, Range within) {
  std::vector<Range> runs;
  for (std::size_t i = within.first; i < within.end; ++i) {
    if (marks[i] == 0) {
      continue;
    }
    if (runs.empty() || runs.back().end != i) {
      runs.push_back({i, i});
    }
    runs.back().end = i + 1;
  }
  return runs;
}

}  // namespace

Excerpt excerpt(const Story& story, bool full) {
  const std::vector<Range> chains = step_ranges(story);
  std::vector<char> steps(chains.back().end, full ? 1 : 0);
  std::vector<char> spills(story.chains.size(), full || story.chains.size() <= few_chains ? 1 : 0);
  Excerpt shown;
  const std::size_t peak = story.peak();
  std::size_t events = 0;
  for (std::size_t c = 0; c < chains.size() && !full; ++c) {
    const std::size_t first = chains[c].first;
    const std::size_t end = chains[c].end;
    if (c == 0) {
      mark(steps, first, std::min(end, first + first_steps));
    }
    if (c == 0 || c + 1 == chains.size()) {
      mark(steps, end - std::min(end - first, last_steps), end);
    }
    const auto show = [&](std::size_t step) {
      mark(steps, step - std::min(step - first, around_event), std::min(end, step + around_event + 1));
    };
    if (peak >= first && peak < end) {
      show(peak);
    }
    for (std::size_t step = first; step < end; ++step) {
      if (!overflows(story, step)) {
        continue;
      }
      if (++events > most_events) {
        ++shown.hidden_events;
        continue;
      }
      show(step);
      if (c < spills.size()) {
        spills[c] = 1;
      }
    }
  }
  if (!spills.empty()) {
    mark(spills, 0, std::min(spills.size(), first_chains));
    mark(spills, spills.size() - std::min(spills.size(), last_chains), spills.size());
  }
  for (const Range& chain : chains) {
    std::ranges::copy(runs_of(steps, chain), std::back_inserter(shown.steps));
  }
  shown.chains = runs_of(spills, {0, spills.size()});
  return shown;
}

}  // namespace precsim::explain
